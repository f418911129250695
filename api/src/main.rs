//! `chakravue-api`: see `chakravue-api --help`.

fn main() -> std::process::ExitCode {
    chakravue_api::cli::main()
}
