//! Links that make somebody a user or give a user a new password: each works once, for a while, for one person.

use chakravue_testbed::Reply;
use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    sync::mpsc,
};

use crate::support::{PASSWORD, Stack, eventually, text, token_in};

async fn accept(stack: &Stack, token: &str, password: &str) -> Reply {
    let body = json!({ "token": token, "password": password });
    stack.client().post("/invitations/accept", &body).await
}

async fn preview(stack: &Stack, token: &str) -> Reply {
    stack.client().post("/invitations/preview", &json!({ "token": token })).await
}

fn objections(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().unwrap();
    errors
        .iter()
        .inspect(|error| assert_eq!(error["pointer"], "/password"))
        .map(|e| e["code"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_invitation_is_looked_at_accepted_once_and_then_worth_nothing() {
    let stack = Stack::new("invitations").await;
    let hospital = stack.hospital("Invites").await;
    let invited = hospital.invite("Reception@Invites.example", "Receptionist").await;
    assert_eq!((&invited.answer["status"], &invited.answer["role"]), (&json!("invited"), &json!("RECEPTIONIST")));
    assert_eq!(invited.answer["seats"], json!({ "used": 2, "limit": 20 }));
    let users = stack.database(&hospital).collection::<Document>("users");
    let user = users.find_one(doc! { "_id": &invited.user_id }).await.unwrap().unwrap();
    assert!(user.get("password_hash").is_none(), "somebody has a password that nobody chose");
    assert!(!user.to_string().contains(&invited.token), "the link is stored");

    let shown = preview(&stack, &invited.token).await.expect(200);
    assert_eq!(shown["user"]["email"], "reception@invites.example");
    assert_eq!(shown["user"]["organization_name"], stack.name("Invites"));

    for (password, objection) in [
        ("lamp violin gr", "password_too_short"),
        ("passwordpassword", "too_guessable"),
        ("lamp reception oyster", "contains_email"),
        (format!("lamp {} oyster", stack.name("Invites")).as_str(), "contains_hospital"),
        ("x".repeat(129).as_str(), "too_long"),
    ] {
        let problem = accept(&stack, &invited.token, password).await.problem(422, "invalid");
        assert!(objections(&problem).contains(&objection), "{password}: {problem}");
    }
    let accepted = accept(&stack, &invited.token, "Grüße an 17 Möwen 🦆").await;
    let accepted = accepted.expect(200);
    assert_eq!(
        (&accepted["user"]["role"], accepted["user"]["user_id"].as_str()),
        (&json!("RECEPTIONIST"), Some(invited.user_id.as_str()))
    );
    stack.client().bearer(&text(&accepted, "token")).get("/me").await.expect(200);
    // Typed on a keyboard that composes differently.
    let decomposed = "Gru\u{308}ße an 17 Mo\u{308}wen 🦆";
    stack.try_sign_in(&hospital.organization_id, &invited.email, decomposed).await.expect(200);

    accept(&stack, &invited.token, PASSWORD).await.problem(410, "link-unusable");
    preview(&stack, &invited.token).await.problem(410, "link-unusable");
    for broken in ["", "cinv_", &invited.token[..40], "crst_platform_x", "cinv_org_01jd0000000000000000000000_x"] {
        accept(&stack, broken, PASSWORD).await.problem(410, "link-unusable");
    }
    stack.close().await;
}

#[tokio::test]
async fn two_who_accept_at_once_do_not_both_become_the_user() {
    let stack = Stack::new("invitations, twice").await;
    let hospital = stack.hospital("Twice").await;
    let invited = hospital.invite("opd@twice.example", "opd").await;
    let (a, b) = tokio::join!(
        accept(&stack, &invited.token, "lamp violin gravel oyster"),
        accept(&stack, &invited.token, "teapot harbour mosaic clay"),
    );
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
    stack.close().await;
}

#[tokio::test]
async fn invitations_are_sent_again_revoked_and_expire() {
    let stack = Stack::new("invitations, again").await;
    let hospital = stack.hospital("Again").await;
    let administrator = &hospital.administrator;
    let invited = hospital.invite("opd@again.example", "opd").await;
    let path = hospital.path(&format!("/users/{}/invitation", invited.user_id));

    let again = administrator.post_empty(&path).await.expect(200);
    let newer = token_in(&text(&again, "invitation_url"));
    preview(&stack, &invited.token).await.problem(410, "link-unusable");
    preview(&stack, &newer).await.expect(200);

    let users = stack.database(&hospital).collection::<Document>("users");
    let late =
        doc! { "$set": { "invitation.expires_at": DateTime::from_millis(DateTime::now().timestamp_millis() - 1) } };
    users.update_one(doc! { "_id": &invited.user_id }, late).await.unwrap();
    accept(&stack, &newer, PASSWORD).await.problem(410, "link-unusable");

    administrator.delete(&path).await.expect(204);
    administrator.delete(&path).await.problem(404, "not-found");
    administrator.post_empty(&path).await.problem(404, "not-found");
    let seats = administrator.get(&hospital.path("")).await.expect(200)["seats"]["used"].clone();
    assert_eq!(seats, 1, "the seat is not free again");
    // The address can be invited again, and a user who has accepted cannot be revoked.
    let accepted = stack.staff(&hospital, "opd@again.example", "opd").await;
    let path = hospital.path(&format!("/users/{}/invitation", accepted.user_id));
    administrator.delete(&path).await.problem(409, "conflict");
    administrator.post_empty(&path).await.problem(409, "conflict");
    stack.close().await;
}

#[tokio::test]
async fn an_administrator_resets_a_password_by_link_and_never_knows_it() {
    let stack = Stack::new("invitations, reset").await;
    let hospital = stack.hospital("Reset").await;
    let org = hospital.organization_id.as_str();
    let doctor = stack.staff(&hospital, "doctor@reset.example", "doctor").await;
    // Asked for by anybody, for anybody: the answer is always the same.
    for email in [doctor.email.as_str(), "nobody@reset.example"] {
        let reply = stack.client().post("/password-reset", &json!({ "email": email, "organization_id": org })).await;
        assert_eq!((reply.status, reply.body.as_str()), (202, ""));
    }
    let path = hospital.path(&format!("/users/{}/password-reset", doctor.user_id));
    let link = hospital.administrator.post_empty(&path).await.expect(200);
    assert_eq!(link.as_object().unwrap().len(), 2, "{link}");
    let token = token_in(&text(&link, "reset_url"));
    doctor.get("/me").await.expect(200);
    let new = "lamp violin gravel oyster";
    let complete = async |password: &str| {
        stack.client().post("/password-reset/complete", &json!({ "token": token, "password": password })).await
    };
    complete("too short").await.problem(422, "invalid");
    complete(new).await.expect(204);
    complete(new).await.problem(410, "link-unusable");
    doctor.get("/me").await.problem(401, "unauthenticated");
    stack.try_sign_in(org, &doctor.email, new).await.expect(200);
    stack.try_sign_in(org, &doctor.email, PASSWORD).await.problem(401, "invalid-credentials");
    // Who has no password yet gets an invitation instead.
    let invited = hospital.invite("opd@reset.example", "opd").await;
    let path = hospital.path(&format!("/users/{}/password-reset", invited.user_id));
    hospital.administrator.post_empty(&path).await.problem(409, "conflict");
    stack.close().await;
}

#[tokio::test]
async fn mails_carry_the_links_where_there_is_a_mail_server() {
    let (url, mut mails) = mail_server().await;
    let stack = Stack::with("invitations, mail", |api| {
        api.setting("mail.url", url).setting("mail.from", "ChakraVue <no-reply@chakravue.example>")
    })
    .await;
    let hospital = stack.hospital("Mail").await;
    // The first one is the invitation of the address that signed up.
    assert!(mails.recv().await.unwrap().contains("To: admin@hospital.example"));
    let invited = hospital.invite("doctor@mail.example", "doctor").await;
    let mail = mails.recv().await.unwrap();
    assert!(mail.contains("To: doctor@mail.example") && mail.contains(&invited.token), "{mail}");
    let doctor = stack.accept(&invited).await;
    stack.client().post("/password-reset", &json!({ "email": doctor.email })).await.expect(202);
    let mail = mails.recv().await.unwrap();
    let token = mail.split_whitespace().find(|word| word.contains("#token=")).map(token_in).unwrap();
    let body = json!({ "token": token, "password": "lamp violin gravel oyster" });
    stack.client().post("/password-reset/complete", &body).await.expect(204);
    assert!(!stack.api.log().contains("doctor@mail.example"), "an address is in the log");
    stack.close().await;
}

/// A mail server that takes everything; mails come out as they went in, with soft line breaks undone.
async fn mail_server() -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let (taken, mails) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let taken = taken.clone();
            tokio::spawn(async move {
                let (reader, mut writer) = stream.into_split();
                let mut lines = BufReader::new(reader).lines();
                writer.write_all(b"220 ready\r\n").await?;
                while let Some(line) = lines.next_line().await? {
                    if line == "DATA" {
                        writer.write_all(b"354 go on\r\n").await?;
                        let mut mail = String::new();
                        while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                            mail += &format!("{line}\n");
                        }
                        let _ = taken.send(mail.replace("=\n", "").replace("=3D", "="));
                    }
                    writer.write_all(b"250 fine\r\n").await?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    (url, mails)
}

#[tokio::test]
async fn a_hospital_that_was_declared_gets_its_administrator_too() {
    let stack = Stack::new("invitations, declared").await;
    let name = stack.sandbox.object_name("declared");
    stack
        .apply(&json!({
            "apiVersion": "chakravue.io/v1alpha1",
            "kind": "HospitalOrganization",
            "metadata": { "name": name, "namespace": stack.sandbox.namespace() },
            "spec": {
                "displayName": "Declared Hospital",
                "contact": { "email": "office@declared.example" },
                "plan": "Starter",
                "subscription": "Active",
                "administrator": { "email": "Head@Declared.example" },
            },
        }))
        .await;
    let platform = stack.platform_administrator().await;
    let org = eventually("the hospital is there", async || {
        let object = stack.hospitals().get(&name).await.unwrap();
        object.status.and_then(|status| status.organization_id)
    })
    .await;
    let users = eventually("its administrator is invited", async || {
        let reply = platform.get(&format!("/organization/{org}/users")).await;
        (reply.status == 200 && reply.json()["items"][0].is_object()).then(|| reply.json())
    })
    .await;
    let user = &users["items"][0];
    assert_eq!(
        (&user["email"], &user["role"], &user["status"]),
        (&json!("head@declared.example"), &json!("ADMIN"), &json!("invited"))
    );
    let link = platform.post_empty(&format!("/master/organizations/{org}/administrator-invitation")).await.expect(200);
    let accepted = accept(&stack, &token_in(&text(&link, "invitation_url")), PASSWORD).await.expect(200);
    assert_eq!(accepted["user"]["role"], "ADMIN");
    let again = platform.post_empty(&format!("/master/organizations/{org}/administrator-invitation")).await;
    again.problem(409, "conflict");
    stack.close().await;
}

#[tokio::test]
async fn the_setup_token_ends_with_the_administrators_password() {
    let stack = Stack::new("invitations, setup").await;
    let signup = stack.signup("Setup", "starter").await;
    let setup = stack.client().bearer(&signup.setup_token);
    let password = json!({ "password": PASSWORD });
    setup.post("/setup/administrator", &password).await.problem(409, "hospital-not-ready");
    stack.pay(&signup).await;
    setup.post("/setup/administrator", &json!({ "password": "passwordpassword" })).await.problem(422, "invalid");
    let signups = stack.master().collection::<Document>("signups");
    let open = signups.find_one(doc! { "organization_id": &signup.organization_id }).await.unwrap().unwrap();
    setup.post("/setup/administrator", &password).await.expect(200);
    setup.post("/setup/administrator", &password).await.problem(401, "unauthenticated");
    // Also should whoever set the password have been killed before the signup was ended.
    signups.insert_one(open).await.unwrap();
    let stranger =
        json!({ "organization_id": signup.organization_id, "email": "stranger@setup.example", "role": "admin" });
    setup.post("/add-user", &stranger).await.problem(401, "unauthenticated");
    setup.get(&signup.path("/users")).await.problem(401, "unauthenticated");
    // Nothing is left that a late repetition of the sign-up would find and open.
    let its = doc! { "organization_id": &signup.organization_id };
    assert_eq!(signups.count_documents(its).await.unwrap(), 0);

    // Also where the password was set by way of a link.
    let mailed = stack.signup("Mailed", "starter").await;
    let setup = stack.client().bearer(&mailed.setup_token);
    stack.pay(&mailed).await;
    let invite = format!("/master/organizations/{}/administrator-invitation", mailed.organization_id);
    let link = stack.platform_administrator().await.post_empty(&invite).await.expect(200);
    setup.get(&mailed.path("/users")).await.expect(200);
    accept(&stack, &token_in(&text(&link, "invitation_url")), PASSWORD).await.expect(200);
    setup.get(&mailed.path("/users")).await.problem(401, "unauthenticated");
    stack.close().await;
}
