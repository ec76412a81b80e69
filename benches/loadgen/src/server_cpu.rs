//! CPU time of a process, from the scheduler's own account of its threads.

use std::fs;

/// Nanoseconds that all live threads of a process have run; `None` when it cannot be read.
///
/// Source: Linux, Documentation/scheduler/sched-stats.rst, `/proc/<pid>/schedstat`, first field.
/// The time of threads that have ended is not in it.
pub(crate) fn process_cpu_ns(process: u32) -> Option<u64> {
    let mut total_ns = 0_u64;
    let mut threads = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task")).ok()? {
        let path = thread.ok()?.path().join("schedstat");
        // A thread may end while the folder is read.
        let Ok(text) = fs::read_to_string(path) else { continue };
        let run_ns: u64 = text.split_ascii_whitespace().next()?.parse().ok()?;
        total_ns += run_ns;
        threads += 1;
    }
    (threads > 0).then_some(total_ns)
}
