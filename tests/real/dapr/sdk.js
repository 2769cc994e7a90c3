// SPDX-License-Identifier: GPL-3.0-or-later
// Publishes learning events with Dapr's SDK of JavaScript, the first alone and the others at once, and calls the engine.
// Prints the response of the call.
const { DaprClient, HttpMethod } = require("@dapr/dapr");

const TARGET = ["pubsub", "learning.events"];

async function main() {
  const client = new DaprClient({
    daprHost: "127.0.0.1", daprPort: process.env.DAPR_HTTP_PORT, daprApiToken: process.env.DAPR_API_TOKEN,
  });
  const [first, ...others] = JSON.parse(process.env.EVENTS);
  const published = await client.pubsub.publish(...TARGET, first);
  if (published.error) throw published.error;
  const { failedMessages } = await client.pubsub.publishBulk(...TARGET, others);
  if (failedMessages.length) throw new Error(JSON.stringify(failedMessages));
  const call = JSON.parse(process.env.CALL);
  console.log(JSON.stringify(
    await client.invoker.invoke("mastery-engine", "api/v1/process", HttpMethod.POST, call)));
  await client.stop();
}

main().catch((error) => { console.error(error); process.exit(1); });
