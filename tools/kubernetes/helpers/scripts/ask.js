// The same as ask.py for images with Node: resolve a name, connect to it, ask it by HTTP.
const dns = require("dns"), net = require("net");
const [what, host, ports, url, seconds] = process.argv.slice(-5);
const KINDS = { ENOTFOUND: "unresolved", EAI_AGAIN: "unresolved", ECONNREFUSED: "refused", ETIMEDOUT: "timeout",
  ECONNRESET: "reset", EPIPE: "reset" };
const kind = (error) => KINDS[error.code] || (/CERT|TLS|SSL|SELF_SIGNED/.test(error.code || "") ? "tls"
  : /^E[A-Z]+$/.test(error.code || "") ? "unreachable" : "protocol");
const limited = (stream, fail) => stream.setTimeout(Number(seconds) * 1000, () => {
  fail(Object.assign(new Error("timed out"), { code: "ETIMEDOUT" }));
  stream.destroy();
});

const connect = (port) => new Promise((done, fail) => {
  const socket = net.connect(port, host, () => { socket.destroy(); done(); });
  socket.on("error", fail);
  limited(socket, fail);
});

const fetched = (told) => new Promise((done, fail) => {
  told.stage = "connect";
  const module = require(url.startsWith("https:") ? "https" : "http");
  const request = module.get(url, { agent: false, headers: { "User-Agent": "shipmate-check" } }, (answer) => {
    Object.assign(told, { stage: "http", status: answer.statusCode, reason: answer.statusMessage, body: "",
      location: answer.headers.location || "" });
    answer.setEncoding("utf8");
    answer.on("data", (text) => { told.body += text; if (told.body.length > 600) { request.destroy(); done(); } });
    answer.on("end", done);
  });
  request.on("socket", (socket) => socket.on("connect", () => { told.stage = "http"; }));
  request.on("error", (error) => (told.status ? done() : fail(error)));
  limited(request, fail);
});

(async () => {
  for (const port of ports.split(",").map(Number)) {
    const told = { port, stage: "resolve", error: "", detail: "", addresses: [] };
    const began = Date.now();
    try {
      told.addresses = [...new Set((await dns.promises.lookup(host, { all: true })).map((one) => one.address))];
      if (what === "connect") { told.stage = "connect"; await connect(port); }
      if (what === "http") await fetched(told);
    } catch (error) {
      Object.assign(told, { error: kind(error), detail: String(error.message || error).slice(0, 300) });
    }
    told.body = told.body && told.body.slice(0, 600);
    told.ms = Date.now() - began;
    console.log(JSON.stringify(told));
  }
})();
