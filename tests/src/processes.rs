//! Child processes that cannot outlive us.
//!
//! Three things end a child: [`Process::stop`] in good order, dropping it, and, when we are killed ourselves, the kernel
//! (`setpriv --pdeathsig`). That signal comes when the *thread* that started the child ends, so one thread, which lives
//! as long as this process, starts them all. Children stand in process groups of their own: Ctrl-C on the terminal
//! reaches only us, and we stop them in order.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, LazyLock, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::sync::watch;

/// How long a server may take after SIGTERM before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at something that cannot be watched.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A command for `program` that the kernel kills when we die.
pub(crate) fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program.as_ref()).process_group(0).stdin(Stdio::null());
    command
}

/// Starts a [`command`] from the thread that never ends.
pub(crate) fn spawn(command: Command) -> anyhow::Result<Child> {
    type Request = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<mpsc::Sender<Request>> = LazyLock::new(|| {
        let (requests, inbox) = mpsc::channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                // Nobody waits for the answer any more: dropping a `Child` leaves it running, so end it here.
                if let Err(mpsc::SendError(Ok(mut child))) = answer.send(command.spawn()) {
                    child.kill().and_then(|()| child.wait()).ok();
                }
            }
        });
        requests
    });
    let (answer, child) = mpsc::channel();
    SPAWNER.send((command, answer)).ok().context("the thread that starts processes has ended")?;
    child.recv().context("the thread that starts processes has ended")?.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            anyhow::anyhow!(
                "`setpriv` is not on PATH; it comes with util-linux 2.33 or newer (Debian package util-linux)"
            )
        }
        _ => anyhow::Error::new(error).context("cannot start a process"),
    })
}

/// What happens to the lines that a process writes.
pub(crate) enum Output {
    /// Only into its log file.
    Log,
    /// Into the log file, and each line also to this function.
    LogAnd(Box<dyn Fn(&str) + Send>),
}

/// Kills a process without owning it; harmless when it is gone already.
#[derive(Clone)]
pub(crate) struct Killer {
    pid: Pid,
    child: Arc<Mutex<Child>>,
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Killer {
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // Under this lock the process is not reaped, so the number cannot have become somebody else's.
        let _not_reaped = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if self.exit.borrow().is_none() {
            kill_process(self.pid, signal).ok();
        }
    }
}

/// A running child process with a log file.
pub(crate) struct Process {
    name: String,
    log: PathBuf,
    killer: Killer,
}

impl Process {
    /// Starts `command` (made by [`command`]); standard output and error go to `log`, which is continued, not replaced.
    pub(crate) fn start(name: &str, mut command: Command, log: &Path, output: Output) -> anyhow::Result<Self> {
        let file = open_log(log)?;
        let lines = match output {
            Output::Log => {
                command.stdout(file.try_clone()?).stderr(file.try_clone()?);
                None
            }
            Output::LogAnd(line) => {
                let (reader, writer) = io::pipe()?;
                command.stdout(writer.try_clone()?).stderr(writer);
                Some((reader, line))
            }
        };
        let child = spawn(command).with_context(|| format!("cannot start {name}"))?;
        if let Some((reader, line)) = lines {
            let mut file = file;
            thread::spawn(move || {
                for text in io::BufRead::lines(io::BufReader::new(reader)).map_while(Result::ok) {
                    // A full disk must not stop the process from being read, or it would block on its own log.
                    io::Write::write_all(&mut file, format!("{text}\n").as_bytes()).ok();
                    line(&text);
                }
            });
        }
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process id that is none")?;
        let child = Arc::new(Mutex::new(child));
        let exit = watch_exit(pid, Arc::clone(&child));
        Ok(Self { name: name.to_owned(), log: log.to_owned(), killer: Killer { pid, child, exit } })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn pid(&self) -> u32 {
        self.killer.pid.as_raw_nonzero().get().unsigned_abs()
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, or `None` while it runs.
    pub(crate) fn exited(&self) -> Option<ExitStatus> {
        *self.killer.exit.borrow()
    }

    /// Completes when the process has ended, in any runtime.
    pub(crate) async fn wait(&self) -> ExitStatus {
        let mut exit = self.killer.exit.clone();
        let status = exit.wait_for(Option::is_some).await.ok().and_then(|status| *status);
        // The sender lives until it has sent, so a missing status means that the process could not be waited for.
        status.unwrap_or_else(|| ExitStatus::from_raw(0))
    }

    /// SIGTERM, and SIGKILL if that is not heard.
    pub(crate) async fn stop(&self) -> ExitStatus {
        self.killer.signal(Signal::TERM);
        if let Ok(status) = tokio::time::timeout(PATIENCE, self.wait()).await {
            return status;
        }
        eprintln!(
            "{} (process {}) did not stop within {} s of SIGTERM; killing it",
            self.name,
            self.pid(),
            PATIENCE.as_secs()
        );
        self.kill()
    }

    /// SIGSTOP.
    pub(crate) fn freeze(&self) {
        self.killer.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub(crate) fn wake(&self) {
        self.killer.signal(Signal::CONT);
    }

    /// SIGKILL; returns when the process is gone.
    pub(crate) fn kill(&self) -> ExitStatus {
        self.killer.kill();
        futures::executor::block_on(self.wait())
    }

    pub(crate) fn killer(&self) -> Killer {
        self.killer.clone()
    }

    /// Asks `probe` until it says yes. A process that ends meanwhile, or takes too long, is an error that shows its log.
    pub(crate) async fn until<F: Future<Output = bool>>(
        &self,
        what: &str,
        patience: Duration,
        mut probe: impl FnMut() -> F,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let answer = tokio::time::timeout_at(deadline.into(), probe());
            tokio::select! {
                biased;
                status = self.wait() => bail!("{} ended ({status}) before it was {what}.\n{}", self.name, self.last_words()),
                answer = answer => match answer {
                    Ok(true) => return Ok(()),
                    Ok(false) => tokio::time::sleep(LOOK_AGAIN).await,
                    Err(_) => bail!("{} was not {what} within {} s.\n{}", self.name, patience.as_secs(), self.last_words()),
                },
            }
        }
    }

    /// The end of the log, to show beside an error.
    pub(crate) fn last_words(&self) -> String {
        last_lines(&self.log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid())
    }
}

/// Reaps the child in a thread of its own and tells everybody who looks.
fn watch_exit(pid: Pid, child: Arc<Mutex<Child>>) -> watch::Receiver<Option<ExitStatus>> {
    let (sender, receiver) = watch::channel(None);
    thread::spawn(move || {
        // First see it end without reaping it; then reap and publish under the lock that `signal` takes.
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        {
        }
        let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(status) = child.wait() {
            sender.send_replace(Some(status));
        }
    });
    receiver
}

fn open_log(path: &Path) -> anyhow::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    OpenOptions::new().create(true).append(true).open(path).with_context(|| format!("cannot write {}", path.display()))
}

/// The last lines of a log file, with its name.
pub(crate) fn last_lines(log: &Path) -> String {
    const SHOWN: usize = 15;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(SHOWN)..];
    format!("The last lines of {}:\n  {}", log.display(), tail.join("\n  "))
}
