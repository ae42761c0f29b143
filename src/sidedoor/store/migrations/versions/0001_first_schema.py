"""The first schema"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TIME = sa.DateTime(timezone=True)
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DOCUMENT = sa.JSON()

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "access_keys",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("secret", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("arn", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("principal", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("user_name", TEXT, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("session_token", TEXT, nullable=True),
        sa.Column("expires", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_access_keys"),
    )
    op.create_index("ix_access_keys_account_user_name", "access_keys", ["account", "user_name"], unique=False)
    op.create_table(
        "accounts",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("aliases", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )
    op.create_table(
        "changes",
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("revision", "kind", "id", name="pk_changes"),
    )
    op.create_table(
        "client_tokens",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("resource_id", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_client_tokens"),
    )
    op.create_table(
        "connection_notifications",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("service_id", TEXT, nullable=True),
        sa.Column("endpoint_id", TEXT, nullable=True),
        sa.Column("topic_arn", TEXT, nullable=False),
        sa.Column("events", DOCUMENT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_connection_notifications"),
    )
    op.create_index(
        "ix_connection_notifications_account_region", "connection_notifications", ["account", "region"], unique=False
    )
    op.create_index("ix_connection_notifications_service_id", "connection_notifications", ["service_id"], unique=False)
    op.create_index("ix_connection_notifications_endpoint_id", "connection_notifications", ["endpoint_id"], unique=False)
    op.create_table(
        "endpoints",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("service_id", TEXT, nullable=False),
        sa.Column("service_region", TEXT, nullable=False),
        sa.Column("connection_id", TEXT, nullable=False),
        sa.Column("vpc_id", TEXT, nullable=False),
        sa.Column("subnet_ids", DOCUMENT, nullable=False),
        sa.Column("interface_ids", DOCUMENT, nullable=False),
        sa.Column("group_ids", DOCUMENT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("dns_suffix", TEXT, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("policy", TEXT, nullable=True),
        sa.Column("private_dns_enabled", sa.Boolean(), nullable=False),
        sa.Column("ip_address_type", TEXT, nullable=False),
        sa.Column("dns_record_ip_type", TEXT, nullable=False),
        sa.Column("last_error_code", TEXT, nullable=True),
        sa.Column("last_error_message", TEXT, nullable=True),
        sa.Column("payer", TEXT, nullable=True),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.Column("connection_tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_endpoints"),
    )
    op.create_index("ix_endpoints_account_region", "endpoints", ["account", "region"], unique=False)
    op.create_index("ix_endpoints_service_id", "endpoints", ["service_id"], unique=False)
    op.create_index("ix_endpoints_vpc_id", "endpoints", ["vpc_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("service_id", TEXT, nullable=False),
        sa.Column("endpoint_id", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("body", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_service_id", "events", ["service_id"], unique=False)
    op.create_table(
        "instance_profiles",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("role_name", TEXT, nullable=True),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instance_profiles"),
        sa.UniqueConstraint("account", "name", name="uq_instance_profiles_account_name"),
    )
    op.create_table(
        "instances",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("reservation_id", TEXT, nullable=False),
        sa.Column("launch_index", sa.BigInteger(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("image_id", TEXT, nullable=False),
        sa.Column("instance_type", TEXT, nullable=False),
        sa.Column("interface_id", TEXT, nullable=True),
        sa.Column("zone_id", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("launched", TIME, nullable=False),
        sa.Column("ended", TIME, nullable=True),
        sa.Column("client_token", TEXT, nullable=True),
        sa.Column("key_name", TEXT, nullable=True),
        sa.Column("user_data", TEXT, nullable=True),
        sa.Column("profile_arn", TEXT, nullable=True),
        sa.Column("profile_id", TEXT, nullable=True),
        sa.Column("tenancy", TEXT, nullable=False),
        sa.Column("monitoring", sa.Boolean(), nullable=False),
        sa.Column("ebs_optimized", sa.Boolean(), nullable=False),
        sa.Column("disable_api_stop", sa.Boolean(), nullable=False),
        sa.Column("disable_api_termination", sa.Boolean(), nullable=False),
        sa.Column("shutdown_behavior", TEXT, nullable=False),
        sa.Column("cpu_credits", TEXT, nullable=True),
        sa.Column("auto_recovery", TEXT, nullable=False),
        sa.Column("metadata", DOCUMENT, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instances"),
    )
    op.create_index("ix_instances_account_region", "instances", ["account", "region"], unique=False)
    op.create_index("ix_instances_reservation_id", "instances", ["reservation_id"], unique=False)
    op.create_table(
        "interfaces",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("vpc_id", TEXT, nullable=False),
        sa.Column("subnet_id", TEXT, nullable=False),
        sa.Column("zone_id", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("mac", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("group_ids", DOCUMENT, nullable=False),
        sa.Column("holder", TEXT, nullable=True),
        sa.Column("load_balancer_id", TEXT, nullable=True),
        sa.Column("attachment", DOCUMENT, nullable=True),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_interfaces"),
        sa.UniqueConstraint("subnet_id", "address", name="uq_interfaces_subnet_id_address"),
    )
    op.create_index("ix_interfaces_account_region", "interfaces", ["account", "region"], unique=False)
    op.create_index("ix_interfaces_holder", "interfaces", ["holder"], unique=False)
    op.create_index("ix_interfaces_vpc_id", "interfaces", ["vpc_id"], unique=False)
    op.create_table(
        "internet_gateways",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("vpc_id", TEXT, nullable=True),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_internet_gateways"),
        sa.UniqueConstraint("vpc_id", name="uq_internet_gateways_vpc_id"),
    )
    op.create_index("ix_internet_gateways_account_region", "internet_gateways", ["account", "region"], unique=False)
    op.create_table(
        "listeners",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("load_balancer_id", TEXT, nullable=False),
        sa.Column("target_group_id", TEXT, nullable=False),
        sa.Column("protocol", TEXT, nullable=False),
        sa.Column("port", sa.BigInteger(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("attributes", DOCUMENT, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_listeners"),
        sa.UniqueConstraint("load_balancer_id", "port", name="uq_listeners_load_balancer_id_port"),
    )
    op.create_index("ix_listeners_account_region", "listeners", ["account", "region"], unique=False)
    op.create_index("ix_listeners_target_group_id", "listeners", ["target_group_id"], unique=False)
    op.create_table(
        "load_balancers",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("scheme", TEXT, nullable=False),
        sa.Column("vpc_id", TEXT, nullable=False),
        sa.Column("dns_name", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("nodes", DOCUMENT, nullable=False),
        sa.Column("group_ids", DOCUMENT, nullable=False),
        sa.Column("enforce_private_link_rules", sa.Boolean(), nullable=False),
        sa.Column("attributes", DOCUMENT, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_load_balancers"),
        sa.UniqueConstraint("account", "region", "name", name="uq_load_balancers_account_region_name"),
    )
    op.create_table(
        "network_acl_associations",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("vpc_id", TEXT, nullable=False),
        sa.Column("acl_id", TEXT, nullable=False),
        sa.Column("subnet_id", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_network_acl_associations"),
        sa.UniqueConstraint("subnet_id", name="uq_network_acl_associations_subnet_id"),
    )
    op.create_index(
        "ix_network_acl_associations_account_region", "network_acl_associations", ["account", "region"], unique=False
    )
    op.create_index("ix_network_acl_associations_acl_id", "network_acl_associations", ["acl_id"], unique=False)
    op.create_table(
        "network_acls",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("vpc_id", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("entries", DOCUMENT, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_network_acls"),
    )
    op.create_index("ix_network_acls_account_region", "network_acls", ["account", "region"], unique=False)
    op.create_index("ix_network_acls_vpc_id", "network_acls", ["vpc_id"], unique=False)
    op.create_table(
        "permissions",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("service_id", TEXT, nullable=False),
        sa.Column("principal", TEXT, nullable=False),
        sa.Column("principal_type", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_permissions"),
        sa.UniqueConstraint("service_id", "principal", name="uq_permissions_service_id_principal"),
    )
    op.create_index("ix_permissions_principal", "permissions", ["principal"], unique=False)
    op.create_table(
        "policies",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("updated", TIME, nullable=False),
        sa.Column("versions", DOCUMENT, nullable=False),
        sa.Column("default_version", TEXT, nullable=False),
        sa.Column("last_version", sa.BigInteger(), nullable=False),
        sa.Column("description", TEXT, nullable=True),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_policies"),
        sa.UniqueConstraint("account", "name", name="uq_policies_account_name"),
    )
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revision"),
    )
    op.create_table(
        "roles",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("trust_policy", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("description", TEXT, nullable=True),
        sa.Column("max_session_seconds", sa.BigInteger(), nullable=False),
        sa.Column("policies", DOCUMENT, nullable=False),
        sa.Column("attached_policies", DOCUMENT, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_roles"),
        sa.UniqueConstraint("account", "name", name="uq_roles_account_name"),
    )
    op.create_table(
        "route_table_associations",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("vpc_id", TEXT, nullable=False),
        sa.Column("table_id", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("subnet_id", TEXT, nullable=True),
        sa.Column("gateway_id", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_route_table_associations"),
        sa.UniqueConstraint("subnet_id", name="uq_route_table_associations_subnet_id"),
    )
    op.create_index(
        "ix_route_table_associations_account_region", "route_table_associations", ["account", "region"], unique=False
    )
    op.create_index("ix_route_table_associations_gateway_id", "route_table_associations", ["gateway_id"], unique=False)
    op.create_index("ix_route_table_associations_table_id", "route_table_associations", ["table_id"], unique=False)
    op.create_index("ix_route_table_associations_vpc_id", "route_table_associations", ["vpc_id"], unique=False)
    op.create_table(
        "route_tables",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("vpc_id", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("routes", DOCUMENT, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_route_tables"),
    )
    op.create_index("ix_route_tables_account_region", "route_tables", ["account", "region"], unique=False)
    op.create_index("ix_route_tables_vpc_id", "route_tables", ["vpc_id"], unique=False)
    op.create_table(
        "security_group_rules",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("group_id", TEXT, nullable=False),
        sa.Column("egress", sa.Boolean(), nullable=False),
        sa.Column("protocol", TEXT, nullable=False),
        sa.Column("from_port", sa.BigInteger(), nullable=False),
        sa.Column("to_port", sa.BigInteger(), nullable=False),
        sa.Column("cidr", TEXT, nullable=True),
        sa.Column("cidr6", TEXT, nullable=True),
        sa.Column("referenced_group_id", TEXT, nullable=True),
        sa.Column("prefix_list_id", TEXT, nullable=True),
        sa.Column("description", TEXT, nullable=True),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_security_group_rules"),
    )
    op.create_index("ix_security_group_rules_account_region", "security_group_rules", ["account", "region"], unique=False)
    op.create_index("ix_security_group_rules_group_id", "security_group_rules", ["group_id"], unique=False)
    op.create_table(
        "security_groups",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("vpc_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_security_groups"),
        sa.UniqueConstraint("vpc_id", "name", name="uq_security_groups_vpc_id_name"),
    )
    op.create_index("ix_security_groups_account_region", "security_groups", ["account", "region"], unique=False)
    op.create_table(
        "services",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("load_balancer_ids", DOCUMENT, nullable=False),
        sa.Column("zone_ids", DOCUMENT, nullable=False),
        sa.Column("acceptance_required", sa.Boolean(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("ip_address_types", DOCUMENT, nullable=False),
        sa.Column("payer_responsibility", TEXT, nullable=True),
        sa.Column("private_dns_name", TEXT, nullable=True),
        sa.Column("private_dns_state", TEXT, nullable=True),
        sa.Column("private_dns_record_name", TEXT, nullable=True),
        sa.Column("private_dns_record_value", TEXT, nullable=True),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_services"),
    )
    op.create_index("ix_services_account_region", "services", ["account", "region"], unique=False)
    op.create_table(
        "settings",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_settings"),
    )
    op.create_table(
        "subnets",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("vpc_id", TEXT, nullable=False),
        sa.Column("cidr", TEXT, nullable=False),
        sa.Column("zone_id", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("default_for_zone", sa.Boolean(), nullable=False),
        sa.Column("map_public_ip", sa.Boolean(), nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subnets"),
    )
    op.create_index("ix_subnets_account_region", "subnets", ["account", "region"], unique=False)
    op.create_index("ix_subnets_vpc_id", "subnets", ["vpc_id"], unique=False)
    op.create_table(
        "target_groups",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("protocol", TEXT, nullable=False),
        sa.Column("port", sa.BigInteger(), nullable=False),
        sa.Column("vpc_id", TEXT, nullable=False),
        sa.Column("target_type", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("health_check", DOCUMENT, nullable=False),
        sa.Column("attributes", DOCUMENT, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_target_groups"),
        sa.UniqueConstraint("account", "region", "name", name="uq_target_groups_account_region_name"),
    )
    op.create_table(
        "target_health",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("target_group_id", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_target_health"),
    )
    op.create_index("ix_target_health_target_group_id", "target_health", ["target_group_id"], unique=False)
    op.create_table(
        "targets",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("target_group_id", TEXT, nullable=False),
        sa.Column("target_id", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("port", sa.BigInteger(), nullable=False),
        sa.Column("zone", TEXT, nullable=False),
        sa.Column("registered", TIME, nullable=False),
        sa.Column("draining_since", TIME, nullable=True),
        sa.Column("running", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_targets"),
    )
    op.create_index("ix_targets_account_region", "targets", ["account", "region"], unique=False)
    op.create_index("ix_targets_target_group_id", "targets", ["target_group_id"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("policies", DOCUMENT, nullable=False),
        sa.Column("attached_policies", DOCUMENT, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("account", "name", name="uq_users_account_name"),
    )
    op.create_table(
        "topics",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("policy", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("attributes", DOCUMENT, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.Column("subscriptions_deleted", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_topics"),
    )
    op.create_index("ix_topics_account_region", "topics", ["account", "region"], unique=False)
    op.create_table(
        "subscriptions",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("topic_arn", TEXT, nullable=False),
        sa.Column("protocol", TEXT, nullable=False),
        sa.Column("endpoint", TEXT, nullable=False),
        sa.Column("principal", TEXT, nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("authenticated", sa.Boolean(), nullable=False),
        sa.Column("token", TEXT, nullable=False),
        sa.Column("token_issued", TIME, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("attributes", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscriptions"),
        sa.UniqueConstraint("topic_arn", "protocol", "endpoint", name="uq_subscriptions_topic_arn_protocol_endpoint"),
    )
    op.create_index("ix_subscriptions_account_region", "subscriptions", ["account", "region"], unique=False)
    op.create_table(
        "messages",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("topic_arn", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("recipients", DOCUMENT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("subject", TEXT, nullable=True),
        sa.Column("structure", TEXT, nullable=True),
        sa.Column("group_id", TEXT, nullable=True),
        sa.Column("attributes", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
    )
    op.create_index("ix_messages_topic_arn", "messages", ["topic_arn"], unique=False)
    op.create_table(
        "vpcs",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("cidr", TEXT, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("dns_support", sa.Boolean(), nullable=False),
        sa.Column("dns_hostnames", sa.Boolean(), nullable=False),
        sa.Column("address_usage_metrics", sa.Boolean(), nullable=False),
        sa.Column("tenancy", TEXT, nullable=False),
        sa.Column("tags", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_vpcs"),
    )
    op.create_index("ix_vpcs_account_region", "vpcs", ["account", "region"], unique=False)
    op.execute("INSERT INTO revision (id, value) VALUES (1, 0)")
