//! Owns what the kernel says about this process, for INFO.

use std::fs;

/// Ticks of the processor times in `/proc`, a second: fixed towards programs, whatever the kernel's own is.
const TICKS_A_SECOND: u64 = 100;

/// What the kernel says; zero or empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) resident_bytes: u64,
    /// The memory of the machine.
    pub(super) machine_bytes: u64,
    pub(super) times: ProcessorTimes,
    /// Name and release of the kernel, and the machine.
    pub(super) system: String,
    pub(super) executable: String,
}

/// Times on the processor, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ProcessorTimes {
    pub(super) user_us: u64,
    pub(super) system_us: u64,
    pub(super) children_user_us: u64,
    pub(super) children_system_us: u64,
}

impl Process {
    /// Asks now: a few short reads that the kernel answers from memory.
    pub(super) fn read() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let system = [text("/proc/sys/kernel/ostype"), text("/proc/sys/kernel/osrelease")];
        let [name, release] = system.each_ref().map(|text| text.trim());
        Self {
            resident_bytes: resident_bytes(&text("/proc/self/status")),
            machine_bytes: bytes_of(&text("/proc/meminfo"), "MemTotal:"),
            times: processor_times(&text("/proc/self/stat")),
            system: format!("{name} {release} {}", std::env::consts::ARCH),
            executable: std::env::current_exe()
                .map_or_else(|_| String::new(), |path| path.display().to_string()),
        }
    }
}

/// Reads `VmRSS` of `/proc/self/status`, which needs no page size.
pub(super) fn resident_bytes(status: &str) -> u64 {
    bytes_of(status, "VmRSS:")
}

/// A figure in kibibytes by the name in front of it.
fn bytes_of(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes: Option<u64> =
        line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// Reads the fields 14 to 17 of `/proc/self/stat`. The name before them may hold spaces and brackets.
pub(super) fn processor_times(stat: &str) -> ProcessorTimes {
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = behind_name.split_whitespace().skip(11);
    let mut next = || {
        let ticks: u64 = fields.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        ticks * (1_000_000 / TICKS_A_SECOND)
    };
    ProcessorTimes {
        user_us: next(),
        system_us: next(),
        children_user_us: next(),
        children_system_us: next(),
    }
}
