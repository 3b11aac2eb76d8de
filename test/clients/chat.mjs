// Connects with a token, sends one message and prints what came back as JSON.
import { OpenClawClient } from "openclaw-node";

const client = new OpenClawClient({
  url: process.env.GATEWAY_WS,
  token: process.env.GATEWAY_TOKEN,
  deviceIdentityPath: process.env.DEVICE_FILE,
  autoReconnect: false,
});
client.on("error", (e) => console.error(String(e)));
const hello = await client.connect();
const text = await client.chatSync(process.env.MESSAGE);
const { sessions } = await client.sessions.list();
const history = await client.sessions.history(sessions[0].key, { limit: 10 });
const health = await client.health();
await client.disconnect();

// A second connection signs in with the device token that the first was given.
const again = new OpenClawClient({ url: process.env.GATEWAY_WS, deviceIdentityPath: process.env.DEVICE_FILE, autoReconnect: false });
again.on("error", (e) => console.error(String(e)));
const second = await again.connect();
await again.disconnect();

console.log(JSON.stringify({
  protocol: hello.protocol, scopes: hello.auth.scopes, deviceToken: typeof hello.auth.deviceToken, text,
  roles: history.messages.map((m) => m.role), healthy: health.ok, secondScopes: second.auth.scopes,
}));
