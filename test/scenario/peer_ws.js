// SPDX-License-Identifier: MIT
//
// peer_ws - a WebSocket peer for the scenarios, with the npm package ws.
//   node peer_ws.js serve PORT [CERT KEY]  echoes every message (over TLS); says "ready"
//   node peer_ws.js talk URL SIZE COUNT sends COUNT messages of SIZE bytes, text and
//                                       binary in turn, and wants each one back
"use strict";
const WebSocket = require("ws");
const fs = require("fs");
const [what, where, size, count] = process.argv.slice(2);

function serve() {
	const secure = size && { cert: fs.readFileSync(size), key: fs.readFileSync(count) };
	const base = secure ? require("https").createServer(secure) : require("http").createServer();
	const server = new WebSocket.Server({ server: base });
	base.listen(Number(where), "127.0.0.1", () => console.log("ready"));
	server.on("connection", (socket, request) => {
		if (request.url === "/first")
			socket.send("hello " + request.headers["x-real-ip"]);
		socket.on("message", (data, binary) => socket.send(data, { binary }));
		socket.on("error", () => {});
	});
}

function talk() {
	const socket = new WebSocket(where, { maxPayload: 1 << 28 });
	let sent = 0;
	const message = (i) => Buffer.alloc(Number(size), "abcdefghijklmnopqrstuvwxyz"[i % 26]);
	const next = () => socket.send(sent % 2 ? message(sent) : message(sent).toString(), { binary: sent % 2 === 1 });
	socket.on("open", next);
	socket.on("message", (data, binary) => {
		if (!Buffer.from(data).equals(message(sent)) || binary !== (sent % 2 === 1)) {
			console.log("wrong message " + sent);
			process.exit(1);
		}
		sent++;
		if (sent < Number(count))
			next();
		else
			socket.close(1000, "over");
	});
	socket.on("close", (code, reason) => {
		console.log(`closed ${code} ${reason} after ${sent}`);
		process.exit(sent === Number(count) ? 0 : 1);
	});
	socket.on("error", (e) => { console.log("error " + e.message); process.exit(1); });
}

if (what === "serve")
	serve();
else
	talk();
