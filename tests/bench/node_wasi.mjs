// usage: node node_wasi.mjs MODULE [ARG...]   Runs a program with node's WASI and the current folder as its `.`.
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const words = process.argv.slice(2);
const wasi = new WASI({ version: 'preview1', args: words, preopens: { '.': '.' }, returnOnExit: true });
const { instance } = await WebAssembly.instantiate(readFileSync(words[0]), wasi.getImportObject());
process.exitCode = wasi.start(instance);
