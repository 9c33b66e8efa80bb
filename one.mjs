// usage: node one.mjs ROOT replicas routing drivers warm measure profile
const [root, replicas, routing, drivers, warm, measure, prof] = process.argv.slice(2);
const { runTrial } = await import(`${root}/dist/bench/replicas/trial.js`);
const { createWallClock } = await import(`${root}/dist/lib/clock.js`);
const t = await runTrial({ replicas: +replicas, routing, drivers: +drivers, pingMs: 1000, idleMs: 3000, warmUpMs: +warm, measureMs: +measure, seed: 1, profileDir: prof ?? null, clock: createWallClock() });
const p = t.load.pings.reduce((a, b) => a + b);
console.log(root, replicas, routing, 'us/ping', (t.load.serverUs.reduce((a, b) => a + b) / p).toFixed(1), 'redis', (t.load.redisUs / p).toFixed(1), 'frames/s', (t.load.published / t.load.wallS).toFixed(0), 'idle ms/s', (t.idle.serverUs.reduce((a, b) => a + b)/1000/t.idle.wallS).toFixed(1), 'pings/s', (p / t.load.wallS).toFixed(0));
