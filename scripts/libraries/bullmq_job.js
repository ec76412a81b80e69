// Jobs through BullMQ: 60 at once and one that is delayed. Prints `N of 61` and ends with 1 unless all came back right.
const { Queue, QueueEvents, Worker } = require('bullmq');

const connection = { host: '127.0.0.1', port: Number(process.argv[2]), maxRetriesPerRequest: null };

(async () => {
  const queue = new Queue('library-test', { connection });
  const events = new QueueEvents('library-test', { connection: { ...connection } });
  await events.waitUntilReady();
  const worker = new Worker('library-test', async (job) => job.data.number * 2, { connection: { ...connection }, concurrency: 5 });
  worker.on('error', (error) => console.error(error.message));
  const numbers = Array.from({ length: 60 }, (_, number) => ({ name: 'double', data: { number } }));
  const jobs = await queue.addBulk(numbers);
  jobs.push(await queue.add('late', { number: 100 }, { delay: 500, priority: 2 }));
  let right = 0;
  for (const job of jobs) {
    if ((await job.waitUntilFinished(events, 20000)) === job.data.number * 2) right += 1;
  }
  await worker.close();
  await events.close();
  await queue.close();
  console.log(`${right} of ${jobs.length}`);
  process.exit(right === jobs.length ? 0 : 1);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
