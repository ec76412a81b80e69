//! Owns processor time: of this thread, and of another process. It hardly moves when other programs run.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time that this thread has been on a processor.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The time that the threads of a process, as far as they still live, have been on processors, in ns.
pub(crate) fn process_time_ns(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    tasks
        .filter_map(Result::ok)
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Processor time of `work`, in ns.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let begun = thread_time();
    let result = work();
    (ns(thread_time().saturating_sub(begun)), result)
}

/// A duration in ns, as figures are.
pub(crate) fn ns(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}
