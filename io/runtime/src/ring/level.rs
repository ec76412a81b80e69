//! What this kernel's io_uring offers, found by trying downwards.

use std::fmt;

use io_uring::{IoUring, Probe, opcode};

use crate::{RuntimeError, RuntimeOptions};

/// How much of io_uring is used; named for the first kernel that has it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RingLevel {
    /// No setup flags, one-shot accept and receive into a buffer of each connection, eventfd
    /// doorbells.
    V5_15,
    /// Deferred task work, multishot accept and receive, provided buffers, messages between rings.
    V6_1,
    /// As `V6_1`, without the indirection array of the submission queue.
    V6_6,
}

impl fmt::Display for RingLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            RingLevel::V5_15 => "5.15",
            RingLevel::V6_1 => "6.1",
            RingLevel::V6_6 => "6.6",
        })
    }
}

/// Builds the ring of this thread at the best level, or at the one that is forced.
pub(super) fn build(options: &RuntimeOptions) -> Result<(IoUring, RingLevel, bool), RuntimeError> {
    let levels = match options.level {
        Some(level) => vec![level],
        None => vec![RingLevel::V6_6, RingLevel::V6_1, RingLevel::V5_15],
    };
    let mut last = None;
    for level in levels {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(options.completion_entries).setup_clamp();
        if level >= RingLevel::V6_1 {
            builder
                .setup_single_issuer()
                .setup_defer_taskrun()
                .setup_taskrun_flag()
                .setup_submit_all();
        }
        if level >= RingLevel::V6_6 {
            builder.setup_no_sqarray();
        }
        match builder.build(options.ring_entries) {
            Ok(ring) => {
                let mut probe = Probe::new();
                let probed = ring.submitter().register_probe(&mut probe).is_ok();
                let messages = level >= RingLevel::V6_1
                    && probed
                    && probe.is_supported(opcode::MsgRingData::CODE);
                return Ok((ring, level, messages));
            }
            Err(error) => last = Some(error),
        }
    }
    let error = last.expect("at least one level was tried");
    Err(match (error.raw_os_error(), options.level) {
        (Some(libc::EINVAL), Some(level)) => RuntimeError::LevelMissing { level },
        _ => explain(error, options.cpus.len()),
    })
}

/// Tries the smallest ring, so that a kernel that gives none is named before glommio meets it.
pub(crate) fn check_permission(cores: usize) -> Result<(), RuntimeError> {
    match IoUring::new(2) {
        Ok(_) => Ok(()),
        Err(error) => Err(explain(error, cores)),
    }
}

/// Turns the error of io_uring_setup into what a person can do about it.
fn explain(error: std::io::Error, cores: usize) -> RuntimeError {
    match error.raw_os_error() {
        Some(libc::ENOSYS) => RuntimeError::RingMissing,
        Some(libc::EPERM | libc::EACCES) => RuntimeError::RingForbidden,
        Some(libc::ENOMEM) => crate::run::locked_memory_error(cores),
        _ => RuntimeError::System { call: "io_uring_setup", source: error },
    }
}
