//! What can go wrong before or while the cores run.

use std::io;

/// Why the runtime could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The kernel was built without io_uring or is too old.
    #[error("this kernel has no io_uring; use Linux 5.15 or later with CONFIG_IO_URING")]
    RingMissing,
    /// The kernel has io_uring, but this process may not use it.
    #[error(
        "io_uring is forbidden to this process; set `sysctl kernel.io_uring_disabled=0`, and in a \
         container allow io_uring_setup, io_uring_enter and io_uring_register in its seccomp \
         profile (docker: --security-opt seccomp=PROFILE.json)"
    )]
    RingForbidden,
    /// The limit of locked memory is too low for the rings.
    #[error(
        "the limit of locked memory is {limit_bytes} bytes and the rings of {cores} cores need \
         {needed_bytes}; raise it with `ulimit -l` or LimitMEMLOCK= in the systemd unit"
    )]
    LockedMemory {
        /// The limit now.
        limit_bytes: u64,
        /// What is needed at least.
        needed_bytes: u64,
        /// Cores that were asked for.
        cores: usize,
    },
    /// A level was forced that this kernel does not have.
    #[error("this kernel does not offer ring level {level}; leave the level open to probe for it")]
    LevelMissing {
        /// The level that was forced.
        level: crate::RingLevel,
    },
    /// A cpu that was asked for cannot be used by this process.
    #[error("cpu {cpu} is not available to this process; it may use {available}")]
    CpuMissing {
        /// The cpu asked for.
        cpu: usize,
        /// The cpus that it may use, as a list.
        available: String,
    },
    /// An option has a value that cannot work.
    #[error("option {option} cannot be {value}; {need}")]
    BadOption {
        /// Name of the field in `RuntimeOptions`.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        need: &'static str,
    },
    /// glommio did not start an executor.
    #[error("the executor of core {core} did not start: {reason}")]
    Executor {
        /// Core that did not start.
        core: usize,
        /// What glommio said.
        reason: String,
    },
    /// A system call failed that should not.
    #[error("{call} failed: {source}")]
    System {
        /// The call.
        call: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Why a core ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum CoreError<E> {
    /// `make` failed on this core; the others were stopped.
    #[error("core {core} did not start: {error}")]
    Make {
        /// The core.
        core: usize,
        /// What `make` said.
        error: E,
    },
    /// The ring of this core failed.
    #[error("core {core} stopped: {error}")]
    Ring {
        /// The core.
        core: usize,
        /// What failed.
        error: RuntimeError,
    },
    /// The thread of this core panicked; the others were stopped.
    #[error("core {core} panicked; its message stands above")]
    Panicked {
        /// The core.
        core: usize,
    },
}
