// flif-wasm's command line with its code cache somewhere else.
//   node run.cjs PACKAGE SCRATCH [flif's arguments...]
// PACKAGE is the installed flif-wasm folder, SCRATCH a writable one. flif-wasm's own launcher keeps
// a cache of compiled code in PACKAGE, which fails where that is read-only, and lets two processes
// at once read each other's half-written file. Node.js 20 cannot read the cache back anyway, so
// nothing is lost by giving every run a fresh one.
"use strict";
const path = require("path");

const [pkg, scratch, ...args] = process.argv.slice(2);
const lib = path.join(pkg, "lib");
const create = require(path.join(lib, "flif.js"));
const flif = create({
  locateFile: (name) => path.join(name.endsWith(".cached") ? scratch : lib, name),
});
flif.then(() => flif.callMain(args));
