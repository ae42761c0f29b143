"""Carries letters to queues: any that speak SQS, at the URL that the operator names."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sidedoor.ids import Arn
from sidedoor.notifications.carriers.carrier import Undeliverable
from sidedoor.notifications.carriers.signing import Signer
from sidedoor.notifications.letter import Letter
from sidedoor.notifications.model import MessageAttribute

_FOR_GOOD = frozenset(
    {"AccessDenied", "AccessDeniedException", "InvalidMessageContents", "AWS.SimpleQueueService.UnsupportedOperation"}
)
"""What trying again would not change. A queue that is not there may come: it is made after its subscription as often."""


class Queues:
    """The queues of one SQS. ``endpoint``: its URL, None where the operator named none.

    Its keys are those that botocore finds: in the environment or the shared credentials file.
    """

    def __init__(self, endpoint: str | None) -> None:
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}

    async def put(self, arn: str, body: str, attributes: tuple[MessageAttribute, ...] = ()) -> None:
        """Puts a message into the queue with this ARN. Raises ``Undeliverable``."""
        if self._endpoint is None:
            raise Undeliverable("no SQS was named: --sqs http://host:port says where queues are")
        queue = Arn.parse(arn)
        if queue is None:
            raise Undeliverable(f"{arn} is no queue", final=True)
        try:
            await asyncio.to_thread(self._send, queue, body, attributes)
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            raise Undeliverable(f"{code}: {error.response['Error'].get('Message', '')}", final=code in _FOR_GOOD) from None
        except BotoCoreError as error:
            raise Undeliverable(str(error)) from None

    def _send(self, queue: Arn, body: str, attributes: tuple[MessageAttribute, ...]) -> None:
        client = self._client(queue.region)
        url = client.get_queue_url(QueueName=queue.resource, QueueOwnerAWSAccountId=queue.account)["QueueUrl"]
        given = {one.name: _attribute(one) for one in attributes}
        client.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=given)

    def _client(self, region: str) -> Any:
        if region not in self._clients:
            import botocore.session  # here, for it takes long to load, and most installations have no queues
            from botocore.config import Config

            config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
            session = botocore.session.get_session()
            self._clients[region] = session.create_client("sqs", region_name=region, endpoint_url=self._endpoint, config=config)
        return self._clients[region]


def _attribute(one: MessageAttribute) -> dict[str, Any]:
    if one.data_type.startswith("Binary"):
        return {"DataType": one.data_type, "BinaryValue": base64.b64decode(one.value)}
    return {"DataType": one.data_type, "StringValue": one.value}


class QueueCarrier:
    """A raw message goes with its attributes as the queue's; any other with all of it in the body, as SNS does."""

    def __init__(self, queues: Queues, signer: Signer) -> None:
        self._queues, self._signer = queues, signer

    async def carry(self, letter: Letter) -> None:
        if letter.raw:
            await self._queues.put(letter.delivery.endpoint, letter.text, letter.message.attributes)
            return
        await self._queues.put(letter.delivery.endpoint, self._signer.dumped(letter))

    async def close(self) -> None:
        pass
