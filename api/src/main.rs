//! `chakravue-api`: see `chakravue-api --help`.

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    chakravue_api::program::cli::main()
}
