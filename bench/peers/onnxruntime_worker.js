// ONNX Runtime as a contender of compare.py, from npm's onnxruntime-node: node onnxruntime_worker.js FOLDER MODEL.onnx THREADS
// FOLDER is onnxruntime-node's. Answers to "infer BATCH" and "memory" of protocol.py.
'use strict';

const fs = require('fs');
const readline = require('readline');

const SECONDS = 0.5;  // of one answer
const WARM_UP = 3;    // runs before the first answer
const CLASSES = 10;

const [folder, model, threads] = process.argv.slice(2);
const ort = require(fs.realpathSync(folder));

// How often `body` runs in a second.
async function rate(body) {
  const begin = process.hrtime.bigint();
  const since = () => Number(process.hrtime.bigint() - begin) / 1e9;
  let count = 0;
  while (since() < SECONDS) {
    await body();
    ++count;
  }
  return count / since();
}

function peakMemory() {
  return 1024 * Number(/VmHWM:\s*(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]);
}

// `batch` images of random bytes.
function images(batch) {
  const pixels = Uint8Array.from({length: batch * 3 * 32 * 32}, () => Math.floor(256 * Math.random()));
  return new ort.Tensor('uint8', pixels, [batch, 3, 32, 32]);
}

function checkProbabilities(output, batch) {
  const expected = [batch, CLASSES].join();
  if (output.dims.join() !== expected) throw new Error(`expected outputs of shape ${expected}, got ${output.dims}`);
  for (let row = 0; row < batch; ++row) {
    const sum = output.data.subarray(row * CLASSES, (row + 1) * CLASSES).reduce((a, b) => a + b, 0);
    if (!(Math.abs(sum - 1) < 1e-4)) throw new Error(`the probabilities of image ${row} sum to ${sum}`);
  }
}

async function main() {
  const session = await ort.InferenceSession.create(model, {intraOpNumThreads: Number(threads), interOpNumThreads: 1});
  const bodies = new Map();
  for await (const line of readline.createInterface({input: process.stdin})) {
    const [request, batchText] = line.split(' ');
    const batch = Number(batchText);
    if (request === 'memory') {
      console.log(peakMemory());
      continue;
    }
    if (request !== 'infer') throw new Error(`no answer to ${line}`);
    if (!bodies.has(batch)) {
      const pixels = images(batch);
      const body = () => session.run({pixels});
      for (let i = 0; i < WARM_UP; ++i) checkProbabilities((await body()).probabilities, batch);
      bodies.set(batch, body);
    }
    console.log((batch * await rate(bodies.get(batch))).toPrecision(6));
  }
}

main().catch(error => {
  console.error(`onnxruntime_worker.js: ${error.message}`);
  process.exit(1);
});
