//! Owns asking the machine which cores this process may use, and how much memory.

use std::fs;
use std::path::{Path, PathBuf};

use hyperion_cluster::config::{CoreChoice, Machine};

/// Asks the kernel; what cannot be read counts as one core a reported processor and 1 GiB.
pub(crate) fn probe() -> Machine {
    let cores_allowed = field("/proc/self/status", "Cpus_allowed_list:")
        .and_then(|text| match CoreChoice::parse(&text) {
            Ok(CoreChoice::Listed(cores)) => Some(cores),
            _ => None,
        })
        .unwrap_or_else(|| {
            let count = std::thread::available_parallelism().map_or(1, usize::from);
            (0..u16::try_from(count).unwrap_or(u16::MAX)).collect()
        });
    let memory = field("/proc/meminfo", "MemTotal:")
        .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
        .map_or(1 << 30, |kibibytes| kibibytes << 10);
    Machine { cores_allowed, memory_bytes: memory.min(group_limit().unwrap_or(u64::MAX)) }
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(rest.trim().to_owned())
}

/// The lowest memory limit of this process's control group and of those above it.
fn group_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            lowest(Path::new("/sys/fs/cgroup"), path, "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            lowest(Path::new("/sys/fs/cgroup/memory"), path, "memory.limit_in_bytes")
        } else {
            None
        }
    });
    limits.min()
}

fn lowest(root: &Path, path: &str, file: &str) -> Option<u64> {
    let mut folder: PathBuf = root.join(path);
    let mut limit = None;
    while folder.starts_with(root) {
        let here = fs::read_to_string(folder.join(file)).ok();
        let here = here.and_then(|text| text.trim().parse::<u64>().ok());
        limit = [limit, here].into_iter().flatten().min();
        if !folder.pop() {
            break;
        }
    }
    limit
}
