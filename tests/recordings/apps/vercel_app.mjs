// One run of the Vercel AI SDK, versions 4 to 6: reads the script from standard input, writes OTLP/JSON lines.
import { appendFileSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.argv[2] + "/");
const ai = require("ai");
const { createOpenAI } = require("@ai-sdk/openai");
const { NodeTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-node");
const { JsonTraceSerializer } = require("@opentelemetry/otlp-transformer");

const told = JSON.parse(readFileSync(0, "utf8"));
const old = told.framework.includes("_v4");
const exporter = {
  export(spans, done) {
    appendFileSync(told.file, Buffer.from(JsonTraceSerializer.serializeRequest(spans)).toString() + "\n");
    done({ code: 0 });
  },
  shutdown: async () => {},
  forceFlush: async () => {},
};
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
provider.register();
const service = createOpenAI({ baseURL: told.url, apiKey: "sk-none" });
const model = told.framework.includes("responses") ? service.responses("gpt-4.1-mini") : service.chat("gpt-4.1-mini");

const canonical = (value) =>
  JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))), null, 0);
const user = (text) => ({ role: "user", content: text });

class Talk {
  constructor(script) {
    this.script = script;
    this.agent = Object.keys(script.agents)[0];
    this.prompt = script.agents[this.agent];
    this.history = [];
  }
  telemetry(functionId) {
    const metadata = { sessionId: this.script.session, userId: this.script.user, plan: "free" };
    return { isEnabled: true, functionId, metadata };
  }
  tools(agent) {
    const made = {};
    for (const name of this.script.tools[agent] ?? []) {
      const { description, parameters } = told.schemas[name];
      const shape = ai.jsonSchema(parameters);
      const execute = (given) => this.execute(name, given);
      made[name] = ai.tool({ description, execute, ...(old ? { parameters: shape } : { inputSchema: shape }) });
    }
    return made;
  }
  async execute(name, given) {
    if (name.startsWith("transfer_to_")) {
      this.agent = name.slice("transfer_to_".length);
      this.prompt = this.script.agents[this.agent];
      return { assistant: this.agent };
    }
    if (name === "ask_researcher") {
      const done = await this.whole("researcher", this.script.agents.researcher, [user(given.question)], "researcher");
      return done.text;
    }
    const key = Object.keys(told.results).find((one) => one.startsWith(name + " ") && same(one, name, given));
    const result = told.results[key];
    if (result.error && old) return `Error: ${result.error}`;
    if (result.error) throw new Error(result.error);
    return result.value;
  }
  async whole(agent, system, messages, functionId) {
    const moves = (this.script.tools[agent] ?? []).filter((name) => name.startsWith("transfer_to_"));
    const steps = old
      ? { maxSteps: moves.length ? 1 : 8 }
      : { stopWhen: [ai.stepCountIs(8), ...moves.map((name) => ai.hasToolCall(name))] };
    const options = {
      model, messages, maxRetries: 0, ...(system ? { system } : {}), ...steps,
      tools: this.tools(agent), experimental_telemetry: this.telemetry(functionId),
    };
    while (true) {
      try {
        if (!this.script.streamed) return await ai.generateText(options);
        const stream = ai.streamText(options);
        for await (const _ of stream.textStream);
        return { text: await stream.text, response: await stream.response, finishReason: await stream.finishReason };
      } catch (error) {
        if (!String(error.message).includes("scripted failure")) throw error;
      }
    }
  }
  async turn(number, turn) {
    if (this.script.guarded) await this.side(told.guard, [user(turn.user)], "input-guard");
    if (this.script.summary && number === this.script.summary_after) {
      const summary = await this.side(undefined, [...this.history, user(told.summary)], "summary");
      this.prompt += `\n\nSummary of the earlier conversation: ${summary}`;
      this.history = [];
    }
    const image = { type: "image", image: `data:image/png;base64,${told.png}` };
    this.history.push(user(turn.image ? [{ type: "text", text: turn.user }, image] : turn.user));
    let done;
    do {
      const sent = this.script.window ? this.history.slice(-this.script.window) : this.history;
      done = await this.whole(this.agent, this.prompt, sent, "support-chat");
      this.history.push(...done.response.messages);
    } while (done.finishReason === "tool-calls");
    if (this.script.title && number === 0) await this.side(undefined, [...this.history, user(told.title)], "title");
  }
  async side(system, messages, functionId) {
    const more = system ? { system } : {};
    return (await ai.generateText({ model, messages, ...more, experimental_telemetry: this.telemetry(functionId) })).text;
  }
}

function same(key, name, given) {
  const wanted = JSON.parse(key.slice(name.length + 1));
  return canonical(wanted) === canonical(given);
}

await Promise.all(
  told.talks.map(async (script) => {
    const talk = new Talk(script);
    for (const [number, turn] of script.turns.entries()) await talk.turn(number, turn);
  }),
);
await provider.forceFlush();
