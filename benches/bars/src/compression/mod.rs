//! The bar of compression: codecs and levels on four kinds of data, from 2 KB to 10 MB.

mod codecs;
mod run;
mod samples;

pub(crate) use run::run;
