//! `chakravue-api admin`: how the platform gets its first administrator. Whoever may run this command on the service's
//! machine, with its settings, decides who that is; nobody has a password that somebody else has chosen.

use anyhow::anyhow;
use bson::doc;
use futures::FutureExt as _;
use mongodb::ClientSession;

use crate::{
    access::{blind_index::BlindIndex, links::Issued, platform_users::PlatformUsers},
    data::{
        audit::{Actor, Entry},
        master::Master,
        platform_audit::{PlatformAudit, change::Work},
    },
    http::{people::EmailAddress, problem::Problem},
    program::{clock::Clock, indexes, settings::Settings},
};

/// Makes the link with which `email` becomes a platform administrator, or gets a new password as the one that they are.
/// With `only_the_first` there is none when somebody can sign in already.
///
/// # Errors
/// When the settings or MongoDB do not let it.
pub async fn invite(settings: &Settings, email: &EmailAddress, only_the_first: bool) -> anyhow::Result<Option<String>> {
    let (master, clock) =
        (Master::new(&settings.mongodb.uri, &settings.master_database, indexes::of).await?, Clock::system());
    // One administrator per address, also when the service has never run.
    master.look().await.map_err(|why| anyhow!("the invitation cannot be made: {why}"))?;
    let users = PlatformUsers::new(master.clone(), BlindIndex::new(&settings.secret_key), clock.clone());
    let somebody =
        users.find(doc! { "password_hash": { "$exists": true } }).await.map_err(|problem| failed(&problem))?;
    if only_the_first && somebody.is_some() {
        return Ok(None);
    }
    let address = email.as_str().to_owned();
    let invite: Work<'_, Issued> = &|session: &mut ClientSession| {
        let (users, address) = (users.clone(), address.clone());
        async move {
            let (user_id, link) = users.invite_in(session, &address).await?;
            Ok(Some((link, Entry::new("administrator.invite").target("user", &user_id))))
        }
        .boxed()
    };
    let invited = PlatformAudit::new(&master, clock).change(&Actor::system(), invite).await;
    let link = invited.map_err(|problem| failed(&problem))?;
    Ok(link.map(|link| link.url(&settings.public_url)))
}

fn failed(problem: &Problem) -> anyhow::Error {
    anyhow!(
        "the invitation cannot be made: {}; `chakravue-api check-config` and the lines above say more",
        problem.kind().title()
    )
}
