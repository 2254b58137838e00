// The official client for Node against a gateway; prints what it found as JSON.
// node client.mjs FOLDER-OF-THE-OPENAI-PACKAGE BASE-URL
import { createRequire } from "node:module";

const [folder, baseURL] = process.argv.slice(2);
const OpenAI = createRequire(import.meta.url)(folder).default;
const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });
const model = "intercascade";
const easy = [{ role: "user", content: "An easy one: two and three?" }];
const hard = [{ role: "user", content: "A hard one: two and three?" }];
const number = { type: "integer" };
const schema = (properties) => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
const tools = [
  { type: "function", function: { name: "add", parameters: schema({ a: number, b: number }) } },
];

const whole = await client.chat.completions.create({ model, messages: easy, logprobs: true });

const pieces = [];
let usage = null;
for await (const chunk of await client.chat.completions.create({
  model,
  messages: hard,
  stream: true,
  stream_options: { include_usage: true },
})) {
  const text = chunk.choices[0]?.delta.content;
  if (text) pieces.push(text);
  usage = chunk.usage ?? usage;
}

const called = await client.chat.completions.create({ model, messages: easy, tools });
const call = called.choices[0].message.tool_calls[0].function;
const runner = client.chat.completions.stream({ model, messages: easy, tools });
const streamedCall = (await runner.finalChatCompletion()).choices[0].message.tool_calls[0].function;

const fitted = await client.chat.completions.create({
  model,
  messages: easy,
  response_format: {
    type: "json_schema",
    json_schema: { name: "Sum", schema: schema({ total: number }) },
  },
});

const models = [];
for await (const each of await client.models.list()) models.push(each.id);
const refused = await client.chat.completions
  .create({ model: "gpt-9", messages: easy })
  .catch((error) => error);

const found = {
  text: whole.choices[0].message.content,
  route: whole.inter_cascade.route,
  streamed: pieces.join(""),
  pieces: pieces.length > 1,
  usage: usage.total_tokens > 0,
  tool: [call.name, JSON.parse(call.arguments)],
  streamedTool: JSON.parse(streamedCall.arguments),
  parsed: JSON.parse(fitted.choices[0].message.content),
  logprobs: whole.choices[0].logprobs.content.length,
  models,
  status: refused.status,
  code: refused.code,
};
console.log(JSON.stringify(found));
