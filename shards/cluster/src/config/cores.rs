//! Owns the list of cores as a person writes it: `0-3`, `0,2` or `all`.

use super::limits::CORE_NUMBER_MAX;

/// Which cores of the machine a node runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoreChoice {
    /// Every core that the process may use.
    All,
    /// These cores, each once, in the order given.
    Listed(Vec<u16>),
}

impl CoreChoice {
    /// Reads a list of cores.
    ///
    /// Errors: a sentence with what is wrong and how a list looks.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let mut cores = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first, text)?, number(last, text)?),
                None => (number(part, text)?, number(part, text)?),
            };
            if last < first {
                return Err(format!("{part:?} runs backwards; write \"{last}-{first}\""));
            }
            for core in first..=last {
                if cores.contains(&core) {
                    return Err(format!("{text:?} names core {core} twice; name each core once"));
                }
                cores.push(core);
            }
        }
        Ok(Self::Listed(cores))
    }

    /// The cores to run on, at most `count_max` of them when the choice is `all`.
    ///
    /// Errors: a sentence that names the first core that the process may not use.
    pub fn pick(&self, allowed: &[u16], count_max: usize) -> Result<Vec<u16>, String> {
        match self {
            Self::All => Ok(allowed.iter().copied().take(count_max).collect()),
            Self::Listed(cores) => match cores.iter().find(|core| !allowed.contains(core)) {
                None => Ok(cores.clone()),
                Some(core) => Err(format!(
                    "core {core} is not there or not allowed to this process, which may use {}",
                    list(allowed)
                )),
            },
        }
    }
}

fn number(digits: &str, text: &str) -> Result<u16, String> {
    let parsed = digits.parse::<u16>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    match parsed {
        Some(core) if core <= CORE_NUMBER_MAX => Ok(core),
        Some(core) => Err(format!("core {core} is too high; the highest is {CORE_NUMBER_MAX}")),
        None => Err(format!("{text:?} is no list of cores; write \"0-3\", \"0,2\" or \"all\"")),
    }
}

fn list(cores: &[u16]) -> String {
    let numbers: Vec<String> = cores.iter().map(u16::to_string).collect();
    numbers.join(",")
}
