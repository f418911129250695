//! `testbed`: see `testbed --help`.

fn main() -> std::process::ExitCode {
    chakravue_testbed::cli::main()
}
