// Reads metrics by the AWS SDK for JavaScript v3, in each of the protocols in which CloudWatch is spoken. Prints what it read of
// each as one line of JSON.
//
//     node metrics.mjs URL ACCOUNT

import {
  CloudWatchClient,
  GetMetricStatisticsCommand,
  ListMetricsCommand,
  paginateGetMetricData,
} from "@aws-sdk/client-cloudwatch";
import { AwsJson1_0Protocol, AwsQueryProtocol, AwsSmithyRpcV2CborProtocol } from "@aws-sdk/core/protocols";

const [url, account] = process.argv.slice(2);
const times = { StartTime: new Date("2026-03-01T12:00:00Z"), EndTime: new Date("2026-03-01T13:00:00Z") };

for (const protocol of [AwsQueryProtocol, AwsJson1_0Protocol, AwsSmithyRpcV2CborProtocol]) {
  console.log(JSON.stringify(await read(protocol)));
}

async function read(protocol) {
  const client = new CloudWatchClient({
    endpoint: url,
    region: "us-east-1",
    credentials: { accessKeyId: account, secretAccessKey: "any" },
    protocol,
  });
  const types = new Set();
  const note = (next) => (call) => types.add(call.request.headers["content-type"]) && next(call);
  client.middlewareStack.add(note, { step: "finalizeRequest" });

  const { Metrics: metrics } = await client.send(new ListMetricsCommand({ Namespace: "AWS/PrivateLinkEndpoints" }));
  const [metric] = metrics;
  const query = { Id: "sent", MetricStat: { Metric: metric, Period: 60, Stat: "Sum" } };
  const points = [];
  const asked = { ...times, MetricDataQueries: [query], MaxDatapoints: 2 };
  for await (const page of paginateGetMetricData({ client }, asked)) {
    const [{ Timestamps, Values }] = page.MetricDataResults;
    Timestamps.forEach((when, number) => points.push([when.toISOString(), Values[number]]));
  }
  let refusal;
  try {
    await client.send(new GetMetricStatisticsCommand({ ...metric, ...times, Period: 61, Statistics: ["Sum"] }));
  } catch (error) {
    refusal = [error.name, error.message, error.$metadata.httpStatusCode];
  }
  client.destroy();
  return { types: [...types], metrics, points, refusal };
}
