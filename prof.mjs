import { readFileSync, readdirSync } from 'node:fs';
const dir = process.argv[2]; const lastS = +process.argv[3];
const tot = new Map(); let all = 0;
for (const f of readdirSync(dir)) {
  const p = JSON.parse(readFileSync(`${dir}/${f}`));
  const byId = new Map(p.nodes.map((n) => [n.id, n]));
  const parent = new Map(); for (const n of p.nodes) for (const c of n.children ?? []) parent.set(c, n.id);
  let t = p.startTime; const end = p.endTime; const begin = end - lastS * 1e6;
  for (let i = 0; i < p.samples.length; i++) {
    t += p.timeDeltas[i]; if (t < begin || t > end) continue;
    const n = byId.get(p.samples[i]); const { functionName, url, lineNumber } = n.callFrame;
    if (functionName === '(idle)') continue;
    const us = p.timeDeltas[i + 1] ?? 0; all += us;
    const key = `${functionName || '(anon)'} ${url.replace(/.*\/(dist|node_modules)\//, '')}:${lineNumber}`;
    tot.set(key, (tot.get(key) ?? 0) + us);
  }
}
console.log(dir, 'busy ms', (all / 1000).toFixed(0));
for (const [k, v] of [...tot].sort((a, b) => b[1] - a[1]).slice(0, 28)) console.log((v / 1000).toFixed(0).padStart(6), (100 * v / all).toFixed(1).padStart(5) + '%', k);
