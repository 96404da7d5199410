// flif-wasm's command line as a process that stays: its WebAssembly is compiled once, not for every image.
//   node serve.cjs PACKAGE
// PACKAGE is the installed flif-wasm folder; nothing is written there. A line {"folder": ..., "arguments": [...]}
// on stdin runs FLIF once in that folder, with memory of its own; a line {"status": ..., "output": ...} answers.
"use strict";
const fs = require("fs");
const path = require("path");
const readline = require("readline");

const lib = path.join(process.argv[2], "lib");
const create = require(path.join(lib, "flif.js"));
const compiled = new WebAssembly.Module(fs.readFileSync(path.join(lib, "flif.wasm")));
let said = []; // what FLIF writes to its stdout and stderr, which it knows as file descriptors only
const write = fs.writeSync;
fs.writeSync = (fd, buffer, offset, length, ...rest) => {
  if (fd !== 1 && fd !== 2) return write(fd, buffer, offset, length, ...rest);
  said.push(Buffer.from(buffer.subarray(offset, offset + length)));
  return length;
};
const listeners = ["uncaughtException", "unhandledRejection"];

async function run(folder, args) {
  let status = 0;
  said = [];
  process.chdir(folder);
  try {
    const module = {
      printErr: (line) => said.push(Buffer.from(line + "\n")),
      quit: (code) => {
        status = code;
      },
      instantiateWasm: (imports, receive) => {
        const instance = new WebAssembly.Instance(compiled, imports);
        receive(instance);
        return instance.exports;
      },
    };
    await new Promise((ready) => create(module).then(() => ready()));
    module.callMain(args);
  } finally {
    listeners.forEach((name) => process.removeAllListeners(name)); // each instance adds its own
    process.chdir("/"); // the folder can be removed
  }
  return { status, output: Buffer.concat(said).toString() };
}

async function serve() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { folder, arguments: args } = JSON.parse(line);
    const answer = await run(folder, args).catch((error) => ({ status: 1, output: String(error) }));
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}
serve();
