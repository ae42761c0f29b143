// The life of an endpoint service and of its endpoints, written for AWS with the SDK v3.
//
//     node lifecycle.mjs ENDPOINT_URL PROVIDER_KEY CONSUMER_KEY        (a key: accessKeyId:secretAccessKey)
//
// Each step prints its sentence. The first that does not hold ends the script with a stack and exit status 1.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import * as iam from "@aws-sdk/client-iam";
import * as sns from "@aws-sdk/client-sns";
import * as sts from "@aws-sdk/client-sts";

const [endpoint, ...keys] = process.argv.slice(2);
const region = "us-east-1";
const ENDPOINTS = 6; // more than the smallest page, which is five

// One account: its clients, and later what it has made.
function account(key) {
  const [accessKeyId, secretAccessKey] = key.split(":");
  const config = { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
  return {
    ec2: new ec2.EC2Client(config),
    elb: new elb.ElasticLoadBalancingV2Client(config),
    iam: new iam.IAMClient(config),
    sns: new sns.SNSClient(config),
    sts: new sts.STSClient(config),
  };
}

const provider = account(keys[0]);
const consumer = account(keys[1]);

// --- ways to wait, to page and to be refused ------------------------------------------------------------------------

const waiting = (client) => ({ client, minDelay: 1, maxDelay: 2, maxWaitTime: 60 });

async function until(what, look) {
  const end = Date.now() + 60_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < end, `${what}: not within a minute`);
    await pause(200);
  }
}

async function pages(paginator, member) {
  const found = [];
  for await (const page of paginator) found.push(page[member]);
  return found;
}

async function refused(client, command, code, status = 400) {
  const error = await client.send(command).then(
    () => assert.fail(`${code} was expected, and the call succeeded`),
    (reason) => reason,
  );
  // A modelled exception of ELB, IAM, SNS or STS has its class for a name, and the code of the wire beside it.
  assert.equal(error.Code ?? error.name, code, String(error));
  assert.equal(error.$metadata.httpStatusCode, status);
  assert.ok(error.message, `${code} has a message`);
  assert.ok(error.$metadata.requestId, `${code} has a request id`);
  return error;
}

const tagged = (type, name) => [{ ResourceType: type, Tags: [{ Key: "Name", Value: name }] }];

async function stateOf(id) {
  const { VpcEndpoints } = await consumer.ec2.send(new ec2.DescribeVpcEndpointsCommand({ VpcEndpointIds: [id] }));
  return VpcEndpoints[0].State;
}

async function connectionsIn(...states) {
  const Filters = [
    { Name: "service-id", Values: [provider.service.ServiceId] },
    { Name: "vpc-endpoint-state", Values: states },
  ];
  const found = await provider.ec2.send(new ec2.DescribeVpcEndpointConnectionsCommand({ Filters }));
  return found.VpcEndpointConnections;
}

// --- the steps ------------------------------------------------------------------------------------------------------

async function identities() {
  for (const who of [provider, consumer]) {
    const identity = await who.sts.send(new sts.GetCallerIdentityCommand({}));
    who.id = identity.Account;
    assert.match(identity.Arn, new RegExp(`^arn:aws:(iam|sts)::${who.id}:`));
  }
  assert.notEqual(provider.id, consumer.id);
}

async function roles() {
  const RoleName = "operator";
  const Statement = [{ Effect: "Allow", Principal: { AWS: `arn:aws:iam::${consumer.id}:root` }, Action: "sts:AssumeRole" }];
  const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  const { Role } = await consumer.iam.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  const assume = new sts.AssumeRoleCommand({ RoleArn: Role.Arn, RoleSessionName: "lifecycle" });
  const { Credentials } = await consumer.sts.send(assume);
  assert.ok(Credentials.Expiration > new Date());
  const operator = new sts.STSClient({
    endpoint,
    region,
    credentials: {
      accessKeyId: Credentials.AccessKeyId,
      secretAccessKey: Credentials.SecretAccessKey,
      sessionToken: Credentials.SessionToken,
    },
  });
  const identity = await operator.send(new sts.GetCallerIdentityCommand({}));
  assert.equal(identity.Arn, `arn:aws:sts::${consumer.id}:assumed-role/${RoleName}/lifecycle`);
  await consumer.iam.send(new iam.DeleteRoleCommand({ RoleName }));
  const gone = await refused(consumer.iam, new iam.GetRoleCommand({ RoleName }), "NoSuchEntity", 404);
  assert.ok(gone instanceof iam.NoSuchEntityException);
}

async function network(who, name, zoneIds) {
  const make = { CidrBlock: "10.0.0.0/16", TagSpecifications: tagged("vpc", name) };
  const { Vpc } = await who.ec2.send(new ec2.CreateVpcCommand(make));
  who.vpc = Vpc.VpcId;
  await ec2.waitUntilVpcAvailable(waiting(who.ec2), { VpcIds: [who.vpc] });
  who.subnets = [];
  for (const [index, AvailabilityZoneId] of zoneIds.entries()) {
    const CidrBlock = `10.0.${index}.0/24`;
    const { Subnet } = await who.ec2.send(new ec2.CreateSubnetCommand({ VpcId: who.vpc, CidrBlock, AvailabilityZoneId }));
    assert.equal(Subnet.AvailabilityZoneId, AvailabilityZoneId);
    who.subnets.push(Subnet.SubnetId);
  }
  await ec2.waitUntilSubnetAvailable(waiting(who.ec2), { SubnetIds: who.subnets });
  await securityGroup(who, name);
}

async function securityGroup(who, name) {
  const make = { GroupName: name, Description: "Port 80", VpcId: who.vpc, TagSpecifications: tagged("security-group", name) };
  who.group = (await who.ec2.send(new ec2.CreateSecurityGroupCommand(make))).GroupId;
  await ec2.waitUntilSecurityGroupExists(waiting(who.ec2), { GroupIds: [who.group] });
  const IpPermissions = [{ IpProtocol: "tcp", FromPort: 80, ToPort: 80, IpRanges: [{ CidrIp: "10.0.0.0/16" }] }];
  const rule = new ec2.AuthorizeSecurityGroupIngressCommand({ GroupId: who.group, IpPermissions });
  const { SecurityGroupRules } = await who.ec2.send(rule);
  assert.equal(SecurityGroupRules.length, 1);
  assert.equal(SecurityGroupRules[0].FromPort, 80);
  await refused(who.ec2, rule, "InvalidPermission.Duplicate");
}

async function networks() {
  const zones = async (who) =>
    (await who.ec2.send(new ec2.DescribeAvailabilityZonesCommand({}))).AvailabilityZones.map((zone) => zone.ZoneId);
  const theirs = await zones(consumer);
  const common = (await zones(provider)).filter((zone) => theirs.includes(zone)).sort();
  provider.zones = common.slice(0, 2);
  await network(provider, "provider", provider.zones);
  await network(consumer, "consumer", provider.zones);
}

async function loadBalancer() {
  const { NetworkInterface } = await provider.ec2.send(
    new ec2.CreateNetworkInterfaceCommand({ SubnetId: provider.subnets[0], Groups: [provider.group] }),
  );
  provider.target = NetworkInterface;
  const waited = { NetworkInterfaceIds: [NetworkInterface.NetworkInterfaceId] };
  await ec2.waitUntilNetworkInterfaceAvailable(waiting(provider.ec2), waited);
  const make = { Name: "lifecycle", Type: "network", Scheme: "internal", Subnets: provider.subnets };
  const { LoadBalancers } = await provider.elb.send(new elb.CreateLoadBalancerCommand(make));
  provider.balancer = LoadBalancers[0].LoadBalancerArn;
  assert.match(provider.balancer, /:loadbalancer\/net\/lifecycle\/[0-9a-f]{16}$/);
  assert.equal(LoadBalancers[0].State.Code, "provisioning");
  await elb.waitUntilLoadBalancerAvailable(waiting(provider.elb), { LoadBalancerArns: [provider.balancer] });
}

async function targets() {
  const group = {
    Name: "lifecycle", Protocol: "TCP", Port: 8080, VpcId: provider.vpc, TargetType: "ip",
    HealthCheckIntervalSeconds: 5, HealthyThresholdCount: 2, UnhealthyThresholdCount: 2,
  };
  const { TargetGroups } = await provider.elb.send(new elb.CreateTargetGroupCommand(group));
  const TargetGroupArn = (provider.targets = TargetGroups[0].TargetGroupArn);
  const Targets = [{ Id: provider.target.PrivateIpAddress }];
  await provider.elb.send(new elb.RegisterTargetsCommand({ TargetGroupArn, Targets }));
  assert.deepEqual(await health(), { Id: provider.target.PrivateIpAddress, State: "unused", Reason: "Target.NotInUse" });
  const DefaultActions = [{ Type: "forward", TargetGroupArn }];
  const listener = { LoadBalancerArn: provider.balancer, Protocol: "TCP", Port: 80, DefaultActions };
  const { Listeners } = await provider.elb.send(new elb.CreateListenerCommand(listener));
  assert.equal(Listeners[0].DefaultActions[0].TargetGroupArn, TargetGroupArn);
}

async function health() {
  const { TargetHealthDescriptions } = await provider.elb.send(
    new elb.DescribeTargetHealthCommand({ TargetGroupArn: provider.targets }),
  );
  const [{ Target, TargetHealth }] = TargetHealthDescriptions;
  return { Id: Target.Id, State: TargetHealth.State, Reason: TargetHealth.Reason };
}

async function targetHealth() {
  const known = await until("the target was checked", async () => {
    const found = await health();
    return found.State === "initial" ? undefined : found;
  });
  // Nothing listens there, and a waiter says so in its own way.
  assert.deepEqual([known.State, known.Reason], ["unhealthy", "Target.FailedHealthChecks"]);
  const brief = { ...waiting(provider.elb), maxWaitTime: 2 };
  const inService = elb.waitUntilTargetInService(brief, { TargetGroupArn: provider.targets });
  await assert.rejects(inService, { name: "TimeoutError" });
}

async function service() {
  const make = {
    NetworkLoadBalancerArns: [provider.balancer],
    AcceptanceRequired: true,
    TagSpecifications: tagged("vpc-endpoint-service", "lifecycle"),
  };
  const dry = new ec2.CreateVpcEndpointServiceConfigurationCommand({ ...make, DryRun: true });
  await refused(provider.ec2, dry, "DryRunOperation", 412);
  const made = await provider.ec2.send(new ec2.CreateVpcEndpointServiceConfigurationCommand(make));
  provider.service = made.ServiceConfiguration;
  assert.equal(provider.service.ServiceState, "Available");
  assert.equal(provider.service.ServiceName, `com.amazonaws.vpce.${region}.${provider.service.ServiceId}`);
  const all = await pages(ec2.paginateDescribeVpcEndpointServiceConfigurations({ client: provider.ec2 }, {}), "ServiceConfigurations");
  assert.deepEqual(all.flat().map((one) => one.ServiceId), [provider.service.ServiceId], "the dry run made nothing");
}

async function permission() {
  const { ServiceId, ServiceName } = provider.service;
  const look = new ec2.DescribeVpcEndpointServicesCommand({ ServiceNames: [ServiceName] });
  const without = await refused(consumer.ec2, look, "InvalidServiceName");
  assert.equal(without.message, `The Vpc Endpoint Service '${ServiceName}' does not exist`);
  const principal = `arn:aws:iam::${consumer.id}:root`;
  const added = await provider.ec2.send(
    new ec2.ModifyVpcEndpointServicePermissionsCommand({ ServiceId, AddAllowedPrincipals: [principal] }),
  );
  assert.equal(added.ReturnValue, true);
  assert.equal(added.AddedPrincipals[0].Principal, principal);
  const paginator = ec2.paginateDescribeVpcEndpointServicePermissions({ client: provider.ec2 }, { ServiceId });
  const permitted = await pages(paginator, "AllowedPrincipals");
  assert.deepEqual(permitted.flat().map((one) => [one.PrincipalType, one.Principal]), [["Account", principal]]);
  const found = await consumer.ec2.send(look);
  assert.deepEqual(found.ServiceNames, [ServiceName]);
  const [detail] = found.ServiceDetails;
  assert.deepEqual([detail.Owner, detail.AcceptanceRequired], [provider.id, true]);
  assert.deepEqual(detail.ServiceType, [{ ServiceType: "Interface" }]);
}

async function notification() {
  const { TopicArn } = await provider.sns.send(new sns.CreateTopicCommand({ Name: "lifecycle" }));
  provider.topic = TopicArn;
  const principal = { Service: "vpce.amazonaws.com" };
  const Statement = [{ Effect: "Allow", Principal: principal, Action: "sns:Publish", Resource: TopicArn }];
  const AttributeValue = JSON.stringify({ Version: "2012-10-17", Statement });
  await provider.sns.send(new sns.SetTopicAttributesCommand({ TopicArn, AttributeName: "Policy", AttributeValue }));
  const queue = `arn:aws:sqs:${region}:${provider.id}:connections`;
  const subscribe = new sns.SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint: queue, ReturnSubscriptionArn: true });
  const { SubscriptionArn } = await provider.sns.send(subscribe);
  const subscriptions = await pages(sns.paginateListSubscriptionsByTopic({ client: provider.sns }, { TopicArn }), "Subscriptions");
  assert.deepEqual(subscriptions.flat().map((one) => one.SubscriptionArn), [SubscriptionArn]);
  const { ServiceId } = provider.service;
  const make = { ServiceId, ConnectionNotificationArn: TopicArn, ConnectionEvents: ["Connect", "Accept", "Reject", "Delete"] };
  const made = await provider.ec2.send(new ec2.CreateVpcEndpointConnectionNotificationCommand(make));
  provider.notification = made.ConnectionNotification.ConnectionNotificationId;
  assert.equal(made.ConnectionNotification.ConnectionNotificationState, "Enabled");
  const Filters = [{ Name: "service-id", Values: [ServiceId] }];
  const described = await pages(
    ec2.paginateDescribeVpcEndpointConnectionNotifications({ client: provider.ec2 }, { Filters }),
    "ConnectionNotificationSet",
  );
  assert.deepEqual(described.flat().map((one) => one.ConnectionNotificationId), [provider.notification]);
}

async function requests() {
  const make = {
    VpcId: consumer.vpc,
    ServiceName: provider.service.ServiceName,
    VpcEndpointType: "Interface",
    SubnetIds: consumer.subnets,
    SecurityGroupIds: [consumer.group],
    ClientToken: "once",
    TagSpecifications: tagged("vpc-endpoint", "first"),
  };
  await refused(consumer.ec2, new ec2.CreateVpcEndpointCommand({ ...make, DryRun: true }), "DryRunOperation", 412);
  const first = (await consumer.ec2.send(new ec2.CreateVpcEndpointCommand(make))).VpcEndpoint;
  const again = (await consumer.ec2.send(new ec2.CreateVpcEndpointCommand(make))).VpcEndpoint;
  assert.equal(again.VpcEndpointId, first.VpcEndpointId, "the same token is the same endpoint");
  const other = new ec2.CreateVpcEndpointCommand({ ...make, SubnetIds: consumer.subnets.slice(1) });
  await refused(consumer.ec2, other, "IdempotentParameterMismatch");
  assert.equal(first.State, "pendingAcceptance");
  assert.ok(first.CreationTimestamp instanceof Date);
  assert.deepEqual(first.Groups.map((group) => group.GroupId), [consumer.group]);
  consumer.endpoints = [first.VpcEndpointId];
  while (consumer.endpoints.length < ENDPOINTS) {
    const { ClientToken, ...next } = { ...make, SubnetIds: [consumer.subnets[0]] };
    const { VpcEndpoint } = await consumer.ec2.send(new ec2.CreateVpcEndpointCommand(next));
    consumer.endpoints.push(VpcEndpoint.VpcEndpointId);
  }
  const NetworkInterfaceIds = first.NetworkInterfaceIds;
  const found = await consumer.ec2.send(new ec2.DescribeNetworkInterfacesCommand({ NetworkInterfaceIds }));
  assert.deepEqual(found.NetworkInterfaces.map((one) => one.SubnetId).sort(), [...consumer.subnets].sort());
  assert.ok(found.NetworkInterfaces.every((one) => one.InterfaceType === "vpc_endpoint" && one.RequesterManaged));
}

async function paginators() {
  const connections = await pages(
    ec2.paginateDescribeVpcEndpointConnections({ client: provider.ec2, pageSize: 5 }, {}),
    "VpcEndpointConnections",
  );
  assert.deepEqual(connections.map((page) => page.length), [5, 1]);
  assert.deepEqual(connections.flat().map((one) => one.VpcEndpointId).sort(), [...consumer.endpoints].sort());
  assert.ok(connections.flat().every((one) => one.VpcEndpointOwner === consumer.id));
  const endpoints = await pages(ec2.paginateDescribeVpcEndpoints({ client: consumer.ec2, pageSize: 5 }, {}), "VpcEndpoints");
  assert.deepEqual(endpoints.map((page) => page.length), [5, 1]);
  assert.deepEqual(endpoints.flat().map((one) => one.VpcEndpointId).sort(), [...consumer.endpoints].sort());
  const small = new ec2.DescribeVpcEndpointConnectionsCommand({ MaxResults: 4 });
  await refused(provider.ec2, small, "InvalidParameterValue");
  const foreign = new ec2.DescribeVpcEndpointsCommand({ NextToken: "no-token-of-yours" });
  await refused(consumer.ec2, foreign, "InvalidNextToken");
  const unknown = new ec2.DescribeVpcEndpointsCommand({ Filters: [{ Name: "colour", Values: ["red"] }] });
  await refused(consumer.ec2, unknown, "InvalidFilter");
}

async function acceptance() {
  const { ServiceId } = provider.service;
  const [first] = consumer.endpoints;
  const waitingOnes = await connectionsIn("pendingAcceptance");
  assert.equal(waitingOnes.length, ENDPOINTS);
  assert.deepEqual(await connectionsIn("available", "rejected"), []);
  const accept = { ServiceId, VpcEndpointIds: [first, "vpce-00000000000000000"] };
  const { Unsuccessful } = await provider.ec2.send(new ec2.AcceptVpcEndpointConnectionsCommand(accept));
  assert.deepEqual(Unsuccessful.map((one) => [one.ResourceId, one.Error.Code]), [
    ["vpce-00000000000000000", "InvalidVpcEndpoint.NotFound"],
  ]);
  const states = [];
  await until("the endpoint is available", async () => {
    const state = await stateOf(first);
    if (states.at(-1) !== state) states.push(state);
    return state === "available";
  });
  assert.deepEqual(states, ["pending", "available"]);
  assert.deepEqual((await connectionsIn("available")).map((one) => one.VpcEndpointId), [first]);
  const { VpcEndpoints } = await consumer.ec2.send(new ec2.DescribeVpcEndpointsCommand({ VpcEndpointIds: [first] }));
  const names = VpcEndpoints[0].DnsEntries.map((entry) => entry.DnsName);
  assert.equal(names.length, 1 + consumer.subnets.length);
  assert.ok(names.every((name) => name.startsWith(first) && name.endsWith(`.${ServiceId}.${region}.vpce.amazonaws.com`)));
}

async function tags() {
  const [first] = consumer.endpoints;
  const Filters = [{ Name: "resource-id", Values: [first] }];
  const described = async () => {
    const found = await pages(ec2.paginateDescribeTags({ client: consumer.ec2 }, { Filters }), "Tags");
    return Object.fromEntries(found.flat().map((tag) => [tag.Key, tag.Value]));
  };
  await consumer.ec2.send(new ec2.CreateTagsCommand({ Resources: [first], Tags: [{ Key: "team", Value: "blue & red" }] }));
  assert.deepEqual(await described(), { Name: "first", team: "blue & red" });
  const byTag = [{ Name: "tag:team", Values: ["blue*"] }];
  const { VpcEndpoints } = await consumer.ec2.send(new ec2.DescribeVpcEndpointsCommand({ Filters: byTag }));
  assert.deepEqual(VpcEndpoints.map((one) => one.VpcEndpointId), [first]);
  await consumer.ec2.send(new ec2.DeleteTagsCommand({ Resources: [first], Tags: [{ Key: "team" }] }));
  assert.deepEqual(await described(), { Name: "first" });
}

async function rejection() {
  const { ServiceId } = provider.service;
  const [first, second] = consumer.endpoints;
  const reject = { ServiceId, VpcEndpointIds: [first, second] };
  const { Unsuccessful } = await provider.ec2.send(new ec2.RejectVpcEndpointConnectionsCommand(reject));
  assert.deepEqual(Unsuccessful, []);
  assert.deepEqual([await stateOf(first), await stateOf(second)], ["rejected", "rejected"]);
  assert.equal((await connectionsIn("rejected")).length, 2);
}

async function errors() {
  const missing = "vpce-svc-00000000000000000";
  const ServiceName = `com.amazonaws.vpce.${region}.${missing}`;
  const make = { VpcId: consumer.vpc, ServiceName, VpcEndpointType: "Interface", SubnetIds: consumer.subnets };
  await refused(consumer.ec2, new ec2.CreateVpcEndpointCommand(make), "InvalidServiceName");
  const services = new ec2.DescribeVpcEndpointServiceConfigurationsCommand({ ServiceIds: [missing] });
  await refused(provider.ec2, services, "InvalidVpcEndpointServiceId.NotFound");
  const foreign = { ServiceId: provider.service.ServiceId, VpcEndpointIds: consumer.endpoints };
  const accept = new ec2.AcceptVpcEndpointConnectionsCommand(foreign);
  await refused(consumer.ec2, accept, "InvalidVpcEndpointServiceId.NotFound");
  const VpcEndpointIds = ["vpce-00000000000000000"];
  await refused(consumer.ec2, new ec2.DescribeVpcEndpointsCommand({ VpcEndpointIds }), "InvalidVpcEndpointId.NotFound");
  await refused(consumer.ec2, new ec2.CreateVpcCommand({ CidrBlock: "10.0.0.0/8" }), "InvalidVpc.Range");
  const LoadBalancerArns = [provider.balancer.replace(/.$/, (last) => (last === "0" ? "1" : "0"))];
  const balancers = new elb.DescribeLoadBalancersCommand({ LoadBalancerArns });
  const unknown = await refused(provider.elb, balancers, "LoadBalancerNotFound");
  assert.ok(unknown instanceof elb.LoadBalancerNotFoundException);
  const topic = new sns.GetTopicAttributesCommand({ TopicArn: `${provider.topic}-not` });
  assert.ok((await refused(provider.sns, topic, "NotFound", 404)) instanceof sns.NotFoundException);
}

async function guards() {
  const { ServiceId } = provider.service;
  const remove = new ec2.DeleteVpcEndpointServiceConfigurationsCommand({ ServiceIds: [ServiceId] });
  const { Unsuccessful } = await provider.ec2.send(remove);
  assert.deepEqual(Unsuccessful.map((one) => [one.ResourceId, one.Error.Code]), [[ServiceId, "ExistingVpcEndpointConnections"]]);
  const balancer = new elb.DeleteLoadBalancerCommand({ LoadBalancerArn: provider.balancer });
  assert.ok((await refused(provider.elb, balancer, "ResourceInUse")) instanceof elb.ResourceInUseException);
  await refused(consumer.ec2, new ec2.DeleteVpcCommand({ VpcId: consumer.vpc }), "DependencyViolation");
}

async function endpointsEnd() {
  const VpcEndpointIds = consumer.endpoints;
  const { Unsuccessful } = await consumer.ec2.send(new ec2.DeleteVpcEndpointsCommand({ VpcEndpointIds }));
  assert.deepEqual(Unsuccessful, []);
  await until("the endpoints and their interfaces are gone", async () => {
    const Filters = [{ Name: "vpc-id", Values: [consumer.vpc] }];
    const endpoints = await pages(ec2.paginateDescribeVpcEndpoints({ client: consumer.ec2 }, { Filters }), "VpcEndpoints");
    const { NetworkInterfaces } = await consumer.ec2.send(new ec2.DescribeNetworkInterfacesCommand({ Filters }));
    return endpoints.flat().every((one) => one.State === "deleted") && NetworkInterfaces.length === 0;
  });
}

async function serviceEnds() {
  const ConnectionNotificationIds = [provider.notification];
  const notifications = new ec2.DeleteVpcEndpointConnectionNotificationsCommand({ ConnectionNotificationIds });
  assert.deepEqual((await provider.ec2.send(notifications)).Unsuccessful, []);
  await provider.sns.send(new sns.DeleteTopicCommand({ TopicArn: provider.topic }));
  const remove = new ec2.DeleteVpcEndpointServiceConfigurationsCommand({ ServiceIds: [provider.service.ServiceId] });
  assert.deepEqual((await provider.ec2.send(remove)).Unsuccessful, []);
  const { Unsuccessful } = await provider.ec2.send(remove);
  assert.deepEqual(Unsuccessful.map((one) => one.Error.Code), ["InvalidVpcEndpointService.NotFound"]);
}

async function loadBalancerEnds() {
  await provider.elb.send(new elb.DeleteLoadBalancerCommand({ LoadBalancerArn: provider.balancer }));
  await elb.waitUntilLoadBalancersDeleted(waiting(provider.elb), { LoadBalancerArns: [provider.balancer] });
  await provider.elb.send(new elb.DeleteTargetGroupCommand({ TargetGroupArn: provider.targets }));
  const { NetworkInterfaceId } = provider.target;
  await provider.ec2.send(new ec2.DeleteNetworkInterfaceCommand({ NetworkInterfaceId }));
}

async function networksEnd() {
  for (const who of [provider, consumer]) {
    await until("the network's interfaces are gone", async () => {
      const Filters = [{ Name: "vpc-id", Values: [who.vpc] }];
      const found = await who.ec2.send(new ec2.DescribeNetworkInterfacesCommand({ Filters }));
      return found.NetworkInterfaces.length === 0;
    });
    await who.ec2.send(new ec2.DeleteSecurityGroupCommand({ GroupId: who.group }));
    for (const SubnetId of who.subnets) await who.ec2.send(new ec2.DeleteSubnetCommand({ SubnetId }));
    await who.ec2.send(new ec2.DeleteVpcCommand({ VpcId: who.vpc }));
    await refused(who.ec2, new ec2.DescribeVpcsCommand({ VpcIds: [who.vpc] }), "InvalidVpcID.NotFound");
  }
}

const steps = [
  ["Two keys are two accounts", identities],
  ["A role is assumed", roles],
  ["Each account has a network in the same zones", networks],
  ["The provider has a load balancer", loadBalancer],
  ["The load balancer forwards to a target", targets],
  ["The target's health is known", targetHealth],
  ["The provider publishes a service", service],
  ["The consumer sees the service once it is permitted", permission],
  ["The provider is told of connections by a topic", notification],
  ["The consumer asks for endpoints", requests],
  ["Both read them page by page", paginators],
  ["An accepted endpoint is pending, then available", acceptance],
  ["Endpoints have tags", tags],
  ["The provider rejects", rejection],
  ["What is not there is said in AWS's codes", errors],
  ["What is in use is not deleted", guards],
  ["The consumer deletes its endpoints", endpointsEnd],
  ["The provider deletes its service", serviceEnds],
  ["The load balancer is deleted", loadBalancerEnds],
  ["The networks are deleted", networksEnd],
];

for (const [sentence, step] of steps) {
  try {
    await step();
  } catch (error) {
    console.error(`${sentence}: this did not hold.`);
    throw error;
  }
  console.log(sentence);
}
console.log(`All ${steps.length} steps held.`);
