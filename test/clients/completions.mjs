// Asks /v1/chat/completions with and without streaming; prints JSON.
import OpenAI from "openai";

const ai = new OpenAI({ baseURL: process.env.GATEWAY_HTTP + "/v1", apiKey: process.env.GATEWAY_TOKEN, maxRetries: 0 });
const messages = [{ role: "user", content: process.env.MESSAGE }];
const models = (await ai.models.list()).data.map((m) => m.id);
const whole = await ai.chat.completions.create({ model: "openclaw", messages });
let streamed = "", finish = null, usage = null;
for await (const chunk of await ai.chat.completions.create({ model: "openclaw", messages, stream: true, stream_options: { include_usage: true } })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  finish = chunk.choices[0]?.finish_reason ?? finish;
  usage = chunk.usage ?? usage;
}
let wrong = 0;
try {
  await new OpenAI({ baseURL: process.env.GATEWAY_HTTP + "/v1", apiKey: "wrong", maxRetries: 0 }).models.list();
} catch (e) {
  wrong = e.status;
}
console.log(JSON.stringify({ models, text: whole.choices[0].message.content, finish: whole.choices[0].finish_reason, streamed, streamedFinish: finish, usage: typeof usage?.total_tokens, wrong }));
