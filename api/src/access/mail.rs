//! Mail to users, over SMTP. Without a server in the settings nothing is sent, and links are handed over by people.
//!
//! A request does not wait for the mail server: mails wait in memory, and one that is not taken is tried again for a
//! while. A mail that is lost with the process is no harm, since a new link can be had at any time.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::program::settings::section::Mistakes;

/// Mails that may wait at once; beyond, a mail is not sent.
const MOST_WAITING: usize = 1000;
/// Connections to the mail server at once.
const CONNECTIONS: usize = 4;
/// How long to wait before each further attempt.
const AGAIN_AFTER: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(15), Duration::from_mins(2), Duration::from_mins(15)];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSettings {
    /// `smtps://user:password@mail.example.org`, or `smtp://mail.example.org:587?tls=required`.
    pub url: Option<SecretString>,
    /// Whom mails come from, such as `ChakraVue <no-reply@example.org>`.
    pub from: Option<String>,
}

impl MailSettings {
    /// Names what is wrong although every field can be read.
    pub fn check(&self, mistakes: &mut Mistakes) {
        if let Some(url) = &self.url {
            if AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret()).is_err() {
                mistakes.add("mail.url", "must look like smtps://user:password@mail.example.org");
            }
            if self.from.as_ref().is_none_or(|from| from.parse::<Mailbox>().is_err()) {
                mistakes.add("mail.from", "must say whom mails come from, such as ChakraVue <no-reply@example.org>");
            }
        }
    }
}

/// What there is to tell a user.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub text: SecretString,
}

/// Sends mails in the background.
#[derive(Clone)]
pub struct Mailer(Option<Arc<Post>>);

struct Post {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    waiting: Arc<Semaphore>,
    connections: Semaphore,
    again_after: &'static [Duration],
    under_way: TaskTracker,
}

impl Mailer {
    /// # Errors
    /// When the address of the server or the sender cannot be understood.
    pub fn new(settings: &MailSettings, under_way: TaskTracker) -> anyhow::Result<Self> {
        Self::with_waits(settings, &AGAIN_AFTER, under_way)
    }

    fn with_waits(
        settings: &MailSettings,
        again_after: &'static [Duration],
        under_way: TaskTracker,
    ) -> anyhow::Result<Self> {
        let Some(url) = &settings.url else { return Ok(Self(None)) };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
            .map_err(|_| anyhow::anyhow!("mail.url is no address of a mail server"))?
            .timeout(Some(Duration::from_secs(20)))
            .build();
        let from = settings.from.as_deref().unwrap_or_default().parse().context("mail.from is no address")?;
        let (waiting, connections) = (Arc::new(Semaphore::new(MOST_WAITING)), Semaphore::new(CONNECTIONS));
        Ok(Self(Some(Arc::new(Post { transport, from, waiting, connections, again_after, under_way }))))
    }

    /// Whether mails are sent at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Sends a mail some time from now, if mails are sent at all.
    pub fn send(&self, mail: Mail) {
        let Some(post) = self.0.clone() else { return };
        let message = match post.message(&mail) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(%error, "a mail could not be written");
                return;
            }
        };
        let Ok(place) = post.waiting.clone().try_acquire_owned() else {
            tracing::warn!("too many mails are waiting; one is not sent");
            return;
        };
        // A service that stops waits for the first attempt. The others take longer than anybody waits.
        post.under_way.clone().spawn(async move {
            let mut waits = post.again_after.iter();
            let Some(wait) = post.attempt(&message, &mut waits).await else { return };
            tokio::spawn(async move {
                post.deliver(message, wait, waits).await;
                drop(place);
            });
        });
    }
}

impl Post {
    fn message(&self, mail: &Mail) -> anyhow::Result<Message> {
        let to: Address = mail.to.parse()?;
        let builder = Message::builder().from(self.from.clone()).to(Mailbox::new(None, to)).subject(&mail.subject);
        Ok(builder.header(ContentType::TEXT_PLAIN).body(mail.text.expose_secret().to_owned())?)
    }

    /// Sends it again and again, until it is taken or given up.
    async fn deliver(&self, message: Message, first: Duration, mut waits: Waits) {
        let mut next = Some(first);
        while let Some(wait) = next {
            tokio::time::sleep(wait).await;
            next = self.attempt(&message, &mut waits).await;
        }
    }

    /// Sends it once. Answers after which wait to do so again, if it is to be sent again.
    async fn attempt(&self, message: &Message, waits: &mut Waits) -> Option<Duration> {
        let outcome = {
            let _connection = self.connections.acquire().await.ok()?;
            self.transport.send(message.clone()).await
        };
        // The server's words may quote the address, so only its code is logged.
        let error = outcome.err()?;
        let code = error.status().map(|code| code.to_string());
        if let Some(wait) = waits.next().filter(|_| !error.is_permanent()) {
            tracing::warn!(code, again_in_seconds = wait.as_secs(), "the mail server does not take a mail");
            Some(*wait)
        } else {
            tracing::error!(code, "a mail is given up");
            None
        }
    }
}

/// What is left of the waits between attempts.
type Waits = std::slice::Iter<'static, Duration>;

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
        net::{TcpListener, TcpStream},
        sync::mpsc,
    };

    use super::*;

    const AT_ONCE: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(1)];

    /// One SMTP conversation. `answer` is the answer to the mail itself, which goes to `taken`.
    async fn converse(stream: TcpStream, answer: &str, taken: &mpsc::UnboundedSender<String>) -> std::io::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        writer.write_all(b"220 ready\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let reply = match line.split(' ').next().unwrap() {
                "DATA" => {
                    writer.write_all(b"354 go on\r\n").await?;
                    let mut mail = String::new();
                    while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                        mail += &line;
                        mail.push('\n');
                    }
                    taken.send(mail).unwrap();
                    answer
                }
                _ => "250 fine",
            };
            writer.write_all(format!("{reply}\r\n").as_bytes()).await?;
        }
        Ok(())
    }

    /// A mail server that gives these answers in turn, and the mails that it saw.
    async fn server(answers: &'static [&'static str]) -> (MailSettings, mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (taken, mails) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that hangs up has what it wanted.
                let _ = converse(stream, answer, &taken).await;
            }
        });
        (MailSettings { url: Some(url.into()), from: Some("ChakraVue <no-reply@example.org>".into()) }, mails)
    }

    fn mail() -> Mail {
        Mail { to: "jane@stmarys.com".into(), subject: "Your invitation".into(), text: "Open the link.".into() }
    }

    #[tokio::test]
    async fn a_mail_that_is_not_taken_at_first_is_sent_again() {
        let (settings, mut mails) = server(&["451 later", "451 later", "250 taken"]).await;
        let mut mistakes = Mistakes::default();
        settings.check(&mut mistakes);
        assert_eq!(mistakes, Mistakes::default());
        Mailer::with_waits(&settings, &AT_ONCE, TaskTracker::new()).unwrap().send(mail());
        for _ in 0..3 {
            let seen = mails.recv().await.unwrap();
            assert!(seen.contains("To: jane@stmarys.com") && seen.contains("Open the link."), "{seen}");
        }
    }

    #[tokio::test]
    async fn a_mail_that_is_refused_for_good_is_given_up() {
        let (settings, mut mails) = server(&["550 no such user"]).await;
        Mailer::with_waits(&settings, &AT_ONCE, TaskTracker::new()).unwrap().send(mail());
        assert!(mails.recv().await.is_some());
        assert!(mails.recv().await.is_none(), "it was sent again");
    }

    #[tokio::test]
    async fn without_a_server_nothing_is_sent() {
        let mailer = Mailer::new(&MailSettings::default(), TaskTracker::new()).unwrap();
        assert!(!mailer.is_on());
        mailer.send(mail());
    }

    #[test]
    fn settings_that_cannot_work_are_named_without_the_password() {
        let settings = MailSettings { url: Some("https://user:marker-value@example.org".into()), from: None };
        let mut mistakes = Mistakes::default();
        settings.check(&mut mistakes);
        let text = mistakes.to_string();
        assert!(text.contains("mail.url") && text.contains("mail.from") && !text.contains("marker-value"), "{text}");
    }
}
