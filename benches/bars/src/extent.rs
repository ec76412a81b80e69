//! Owns how much a bar measures, as its command line says.

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Extent {
    /// Less data, fewer messages or commands, nothing that is longest.
    #[arg(long)]
    pub(crate) short: bool,
    /// Repeats of each cell; large structs have twice as many.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeats: u32,
}
