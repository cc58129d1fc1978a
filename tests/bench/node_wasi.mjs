// usage: node node_wasi.mjs [--dir HOST::GUEST]... [--env NAME=VALUE]... MODULE [ARG...]
// Runs a program with node's WASI; without --dir the current folder is its `.`.
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const words = process.argv.slice(2);
const preopens = {};
const env = {};
while (words[0] === '--dir' || words[0] === '--env') {
  const [option, value] = words.splice(0, 2);
  const [before, behind] = value.split(option === '--dir' ? '::' : /=(.*)/s);
  if (option === '--dir') preopens[behind] = before;
  else env[before] = behind;
}
if (Object.keys(preopens).length === 0) preopens['.'] = '.';
const wasi = new WASI({ version: 'preview1', args: words, env, preopens, returnOnExit: true });
const { instance } = await WebAssembly.instantiate(readFileSync(words[0]), wasi.getImportObject());
process.exitCode = wasi.start(instance);
