import { Session } from 'node:inspector';
import { writeFileSync, mkdirSync } from 'node:fs';
if (process.argv.includes('server')) process.on('SIGUSR2', () => {
  const s = new Session(); s.connect();
  s.post('Profiler.enable'); s.post('Profiler.setSamplingInterval', { interval: 500 }); s.post('Profiler.start');
  setTimeout(() => s.post('Profiler.stop', (e, { profile }) => { mkdirSync(process.env.PROF_DIR, { recursive: true }); writeFileSync(`${process.env.PROF_DIR}/${process.pid}.cpuprofile`, JSON.stringify(profile)); }), 9000);
});
