// Written by `npm run generate` from api/openapi.json. Change the API, not this file.

export interface paths {
    "/add-user": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Invites a user
         * @description The link in the answer is shown once; it is also sent by mail where the service sends mails. The user takes a seat from
         *     now on.
         */
        post: operations["add_user"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process lives. */
        get: operations["get_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/invitations/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Accepts an invitation
         * @description Sets the user's password, uses the link up, and signs the user in.
         */
        post: operations["accept_invitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/invitations/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What an invitation is for
         * @description Shows the page of the link whom it is for; does not use the link.
         */
        post: operations["preview_invitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Signs in by e-mail address alone
         * @description For staff who have signed in to their hospital before, and for the platform's administrators. A refusal takes the same time,
         *     at however many hospitals the address is known. A hospital that cannot be asked at the moment is left out. Where the
         *     address and the password are right at several hospitals the answer is 409 and `organizations` lists them: sign in to one of them with
         *     `POST /organization-login`.
         */
        post: operations["sign_in"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends the session
         * @description The token opens nothing any more from now on.
         */
        post: operations["sign_out"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/master/all-organizations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Every organization.
         * @description Hospitals whose data is only kept after their removal are not among them.
         */
        get: operations["list_all_organizations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/master/audit-log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who did what on the platform, newest first
         * @description Sign-ups, declined payments, hospitals made active, suspended, resumed and given another plan, administrators who sign in.
         *     What happens inside a hospital is in the hospital's own log. With filters a page is looked for among at most 20,000 entries,
         *     and may have fewer than `limit` or none although the log goes on: only a page without `next_cursor` is the last. Reading
         *     the log is in the log, too.
         */
        get: operations["list_platform_entries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/master/audit-log/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether the platform's audit log is whole and unchanged
         * @description Follows the chain of hashes from the first entry to the last, in parts where there are more than `limit`. Where the log ended is noted nowhere else, so that entries
         *     missing at its end are not found.
         */
        get: operations["verify_platform_log"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/master/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The platform in figures: organizations, monthly revenue, plans, users, signups. */
        get: operations["get_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/master/organizations/{org_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One organization. */
        get: operations["get_any_organization"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/master/organizations/{org_id}/administrator-invitation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Invites a hospital's first administrator
         * @description For a hospital that was declared and whose administrator gets no mail: the link to hand over. An earlier one is worth
         *     nothing any more.
         */
        post: operations["invite_administrator"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/master/organizations/{org_id}/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change a hospital's plan. */
        post: operations["change_any_plan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/master/organizations/{org_id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give a suspended hospital its access back. */
        post: operations["resume_organization"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/master/organizations/{org_id}/suspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Suspend a hospital: its data stays, nobody reaches it, its sessions end. */
        post: operations["suspend_organization"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/master/payments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The payments of all hospitals.
         * @description The newest first.
         */
        get: operations["list_all_payments"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who is signed in */
        get: operations["get_me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Changes the own password
         * @description Ends every session of the user, this one too, and starts a new one.
         */
        post: operations["change_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where the user is signed in */
        get: operations["list_sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/sessions/{session_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Ends one of the user's sessions
         * @description For a device that was left somewhere.
         */
        delete: operations["end_session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization-login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Signs in to a hospital
         * @description Answers the same, after the same time, whether the hospital or the user is unknown, the password is wrong, the user is
         *     only invited or disabled, or too many attempts were made; `Retry-After` says how long to wait before the next attempt
         *     counts. Every sign-in starts a new session; the one whose cookie the browser had ends.
         */
        post: operations["sign_in_to_organization"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A hospital's record. */
        get: operations["get_organization"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/appointments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The hospital's appointments, by time
         * @description Whose appointments were looked at is in the audit log before they are answered.
         */
        get: operations["list_appointments"];
        put?: never;
        /** Books an appointment */
        post: operations["book_appointment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/appointments/{appointment_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One appointment */
        get: operations["read_appointment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Moves an appointment, or moves its patient through the queue
         * @description Times, doctor, reason and cancelling take the permission `appointments.book`, every other status `queue.manage`.
         */
        patch: operations["change_appointment"];
        trace?: never;
    };
    "/organization/{org_id}/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who did what in the hospital, newest first
         * @description With filters a page is looked for among at most 20,000 entries, and may have fewer than `limit` or none although the log
         *     goes on: only a page without `next_cursor` is the last. Reading the log is in the log, too.
         */
        get: operations["list_entries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/audit/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether the hospital's audit log is whole and unchanged
         * @description Follows the chain of hashes from the first entry to the last, and compares with how far the log had come. A log of more
         *     entries than `limit` is looked at in parts.
         */
        get: operations["verify_log"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/patients": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The hospital's patients, newest first
         * @description Without anything clinical. That they were looked at is in the audit log before they are answered.
         */
        get: operations["list_patients"];
        put?: never;
        /** Registers a patient */
        post: operations["register_patient"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/patients/{patient_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One patient's record
         * @description Vitals, notes and prescriptions only for roles that may see them. That it was read is in the audit log before it is
         *     answered. A record that was archived can still be read.
         */
        get: operations["read_patient"];
        put?: never;
        post?: never;
        /**
         * Takes a patient's record out of use
         * @description Nothing is deleted: the record can be read, listed with `archived=true`, and restored.
         */
        delete: operations["archive_patient"];
        options?: never;
        head?: never;
        /**
         * Changes a patient's details
         * @description Fields that are absent stay as they are; `null` clears a field.
         */
        patch: operations["change_patient"];
        trace?: never;
    };
    "/organization/{org_id}/patients/{patient_id}/notes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Adds a clinical note
         * @description A note is never changed: a mistake is corrected by another note.
         */
        post: operations["add_note"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/patients/{patient_id}/prescriptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Prescribes a medicine
         * @description A prescription is never changed: another note or prescription says what holds instead.
         */
        post: operations["prescribe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/patients/{patient_id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes an archived record into use again
         * @description A record that is in use stays as it is.
         */
        post: operations["restore_patient"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/patients/{patient_id}/vitals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Records vitals */
        post: operations["record_vitals"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/payments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The hospital's payments.
         * @description The newest first, those that failed too.
         */
        get: operations["list_payments"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/pharmacy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The medicines in stock, by name */
        get: operations["list_medicines"];
        put?: never;
        /** Adds a medicine to the stock */
        post: operations["add_medicine"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/pharmacy/{medicine_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One medicine
         * @description Also one that was removed, which has `removed_at`.
         */
        get: operations["read_medicine"];
        put?: never;
        post?: never;
        /**
         * Removes a medicine from the stock
         * @description Nothing is deleted: it can be read, listed with `removed=true`, and restored.
         */
        delete: operations["remove_medicine"];
        options?: never;
        head?: never;
        /**
         * Changes what is known of a medicine
         * @description Fields that are absent stay as they are; `null` clears a field. The quantity changes by stock changes alone.
         */
        patch: operations["change_medicine"];
        trace?: never;
    };
    "/organization/{org_id}/pharmacy/{medicine_id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes a removed medicine into the stock again
         * @description With the quantity that it had. One that is in the stock stays as it is.
         */
        post: operations["restore_medicine"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/pharmacy/{medicine_id}/stock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Adds to a medicine's stock, or takes away from it
         * @description Needs no If-Match: changes add up in any order, and never below 0. With an Idempotency-Key a change that is sent again
         *     counts once.
         */
        post: operations["change_stock"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change the hospital's plan.
         * @description Whoever signs the hospital up may do so until a plan is paid for.
         */
        post: operations["change_own_plan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/provisioning": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How far the hospital has come.
         * @description For programs that cannot take server-sent events; a second between two questions is polite.
         */
        get: operations["get_provisioning"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/provisioning/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The same, told as it happens.
         * @description Server-sent events of the type `progress`, each with what `GET …/provisioning` answers; `ready` is the last. The id of an
         *     event is the version of the hospital's object: sent back as `Last-Event-ID`, nothing is told twice. 204 says that there is
         *     nothing more to come. The stream ends some seconds after the session that opened it.
         */
        get: operations["watch_provisioning"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All settings of the hospital */
        get: operations["list_settings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/settings/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One setting */
        get: operations["read_setting"];
        /**
         * Sets a setting
         * @description A setting that is set needs its `ETag` as If-Match; one at its default does not.
         */
        put: operations["set_setting"];
        post?: never;
        /** Resets a setting to its default */
        delete: operations["reset_setting"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The hospital's users
         * @description Disabled ones too, in the order in which they were invited.
         */
        get: operations["list_users"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/users/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One user */
        get: operations["get_user"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Changes a user
         * @description A new role and `disabled` end the user's sessions at once.
         */
        patch: operations["change_user"];
        trace?: never;
    };
    "/organization/{org_id}/users/{user_id}/invitation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Invites a user once more
         * @description For a link that was lost or has expired; the earlier one is worth nothing any more.
         */
        post: operations["invite_user_again"];
        /**
         * Revokes an invitation
         * @description The user, who has never signed in, is removed; the seat is free and the address can be invited again.
         */
        delete: operations["revoke_invitation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organization/{org_id}/users/{user_id}/password-reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A link with which a user sets a new password
         * @description For somebody who forgot it and gets no mail. The old password works until the link is used.
         */
        post: operations["reset_user_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/organizations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The hospitals that one can sign in to.
         * @description Active hospitals, by name. The service may be set up to answer only a search of three letters or more, or nothing.
         */
        get: operations["list_organizations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/password-reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Asks for a link to set a new password
         * @description Always answers 202, whether or not there is such an account. The link goes by mail; where the service sends none, an
         *     ADMIN of the hospital hands one over.
         */
        post: operations["request_reset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/password-reset/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sets a new password with the link
         * @description Uses the link up and ends every session of the user, who then signs in with the new password.
         */
        post: operations["complete_reset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The plans that a hospital can subscribe to. */
        get: operations["list_plans"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/process-payment": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Pays the first month and makes the hospital active.
         * @description Waits until the hospital can be used; where that takes longer, the answer is 202 and `Location` says where to look. A hospital is charged once, however often this is sent.
         *
         *     Test numbers: 4111111111111111 and 4242424242424242 succeed; 4000000000000002 is declined, 4000000000009995 lacks funds, 4000000000000069 has expired, 4000000000000127 has a wrong security code, 4000000000000119 meets a processing error, 4000000000000077 succeeds after a while. Any other number is refused.
         */
        post: operations["process_payment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Requests can be served. */
        get: operations["get_readiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/roles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What each role of a hospital's staff may do. */
        get: operations["list_roles"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/setup/administrator": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sets the password of a new hospital's administrator
         * @description The last step of a signup: the address that signed up becomes the ADMIN, the setup token ends, a session starts.
         */
        post: operations["set_up_administrator"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/signup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign a hospital up.
         * @description The name of its database comes from its name; where that is taken, it gets an ending. Nothing is made before the
         *     payment. A request that got no answer, or 503, can be sent again as it is and goes on where it ended.
         */
        post: operations["sign_up"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/signup/database-name": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the hospital's database would be called.
         * @description For the form, while somebody types. It reserves nothing: `POST /signup` decides.
         */
        get: operations["preview_database_name"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stripe/webhook": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes in an event of Stripe.
         * @description Stripe signs each event with the endpoint's secret and sends it again until the answer is 200. Events of kinds that
         *     do not matter here are taken and forgotten. There is nothing here where another provider is used.
         */
        post: operations["receive_stripe_event"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @example {
         *       "name": "Jane Miller",
         *       "password": "violet tractors sing at noon",
         *       "token": "cinv_org_01jd8x2v9t6m3k5q7r1w4y0z8a_…"
         *     }
         */
        AcceptInvitation: {
            name?: components["schemas"]["Line200"] | null;
            /**
             * Format: password
             * @description 15 to 128 characters of any kind, hard to guess.
             */
            password: string;
            /**
             * Format: password
             * @description What stands behind `#token=` in the link.
             */
            token: string;
        };
        AddUser: {
            email: components["schemas"]["EmailAddress"];
            name?: components["schemas"]["Line200"] | null;
            /** @example org_01jd8x2v9t6m3k5q7r1w4y0z8a */
            organization_id: string;
            role: components["schemas"]["Role"];
        };
        Appointment: {
            /** @example apt_01jd8x2v9t6m3k5q7r1w4y0z8a */
            appointment_id: string;
            /**
             * Format: date-time
             * @example 2026-11-23T09:00:00Z
             */
            created_at: string;
            /** @example user_01jd8x2v9t6m3k5q7r1w4y0z8a */
            doctor_id: string;
            /**
             * @description The doctor's name, or e-mail address where there is none.
             * @example Dr. Ana Gómez
             */
            doctor_name?: string | null;
            /**
             * Format: date-time
             * @example 2026-11-23T09:00:00Z
             */
            ends_at: string;
            /**
             * @description What the caller may make of it now.
             * @example [
             *       "arrived",
             *       "cancelled",
             *       "missed"
             *     ]
             */
            next: components["schemas"]["AppointmentStatus"][];
            /** @example pat_01jd8x2v9t6m3k5q7r1w4y0z8a */
            patient_id: string;
            /** @example Jane Smith */
            patient_name?: string | null;
            /** @example Headache */
            reason?: string | null;
            /** @example P000001 */
            record_number?: string | null;
            /**
             * Format: date-time
             * @example 2026-11-23T09:00:00Z
             */
            starts_at: string;
            status: components["schemas"]["AppointmentStatus"];
            updated_at?: string | null;
            /**
             * Format: int64
             * @description The `ETag` without its quotes.
             * @example 1
             */
            version: number;
        };
        /**
         * @example {
         *       "status": "arrived"
         *     }
         */
        AppointmentChange: {
            doctor_id?: string;
            /** Format: date-time */
            ends_at?: string;
            reason?: string | null;
            /**
             * Format: date-time
             * @description Without `ends_at`, the appointment keeps its length.
             */
            starts_at?: string;
            /**
             * @description `booked` → `arrived`, `cancelled` or `missed`; `arrived` → `in_progress`, `cancelled` or `missed`; `in_progress` →
             *     `done`.
             */
            status?: components["schemas"]["AppointmentStatus"];
        };
        /** @enum {string} */
        AppointmentStatus: "booked" | "arrived" | "in_progress" | "done" | "cancelled" | "missed";
        /** @description What somebody did. */
        AuditEntry: {
            /** @example patient.read */
            action: string;
            /** @example user_01jd8x2v9t6m3k5q7r1w4y0z8a */
            actor_id: string;
            /**
             * @description The role at that time.
             * @example DOCTOR
             */
            actor_role: string;
            /**
             * Format: date-time
             * @example 2026-11-23T09:00:00Z
             */
            at: string;
            /** @description Names of fields, ids and counts; never values of a patient's record. */
            details: Record<string, never>;
            /** @description SHA-256 over the canonical JSON (RFC 8785) of all other fields. */
            hash: string;
            /** @description The hash of the entry before; of the first, 64 zeros. */
            previous_hash: string;
            /** @example req_01jd8x2v9t6m3k5q7r1w4y0z8a */
            request_id?: string | null;
            /**
             * Format: int64
             * @description The place in the chain, counted from 1.
             * @example 42
             */
            sequence: number;
            target?: components["schemas"]["AuditTarget"] | null;
        };
        AuditTarget: {
            id: string;
            /** @description Such as `patient` or `user`. */
            type: string;
        };
        /** @enum {string} */
        BloodGroup: "O-" | "O+" | "A-" | "A+" | "B-" | "B+" | "AB-" | "AB+";
        /** @description The first place where a chain does not hold. */
        BrokenLink: {
            /** @description What is wrong there. */
            reason: string;
            /**
             * Format: int64
             * @description The place in the chain, counted from 1.
             */
            sequence: number;
        };
        /** @description What is kept of a card. */
        CardSummary: {
            /** @example visa */
            brand: string;
            /**
             * @description The last four digits.
             * @example 1111
             */
            last4: string;
        };
        /**
         * @example {
         *       "current_password": "violet tractors sing at noon",
         *       "new_password": "seven green ladders at dawn"
         *     }
         */
        ChangePassword: {
            /** Format: password */
            current_password: string;
            /**
             * Format: password
             * @description 15 to 128 characters of any kind, hard to guess.
             */
            new_password: string;
        };
        /**
         * @example {
         *       "password": "violet tractors sing at noon",
         *       "token": "crst_org_01jd8x2v9t6m3k5q7r1w4y0z8a_…"
         *     }
         */
        CompleteReset: {
            /**
             * Format: password
             * @description 15 to 128 characters of any kind, hard to guess.
             */
            password: string;
            /**
             * Format: password
             * @description What stands behind `#token=` in the link.
             */
            token: string;
        };
        /** @description A hospital to choose at the sign-in. */
        DirectoryEntry: {
            /** @example org_01jd8x2v9t6m3k5q7r1w4y0z8a */
            organization_id: string;
            /** @example St. Mary's Hospital */
            organization_name: string;
        };
        /**
         * Format: email
         * @example doctor@stmarys.com
         */
        EmailAddress: string;
        EventAnswer: {
            received: boolean;
        };
        /**
         * @description Why a payment failed. The name is the `code` that clients see.
         * @enum {string}
         */
        Failure: "card_declined" | "insufficient_funds" | "expired_card" | "incorrect_cvc" | "processing_error" | "authentication_failed" | "interrupted" | "canceled";
        /** @description What is wrong with one field. */
        FieldError: components["schemas"]["Flaw"] & {
            /** @description What is wrong and what would be right, in English. */
            detail: string;
            /** @description The parameter of the query or the header, where it is not the body. */
            parameter?: string | null;
            /**
             * @description JSON pointer (RFC 6901) into the request's body.
             * @example /email
             */
            pointer?: string | null;
        };
        /**
         * @description What is wrong with a field. The code never changes its meaning once published; a client that does not know one shows
         *     `detail`.
         */
        Flaw: {
            /** @enum {string} */
            code: "required";
        } | {
            /** @enum {string} */
            code: "too_short";
            min: number;
        } | {
            /** @enum {string} */
            code: "too_long";
            max: number;
        } | {
            /** @enum {string} */
            code: "wrong_length";
            max: number;
            min: number;
        } | {
            /** @enum {string} */
            code: "too_many";
            max: number;
        } | {
            /** @enum {string} */
            code: "too_small";
            /** Format: double */
            min: number;
        } | {
            /** @enum {string} */
            code: "too_large";
            /** Format: double */
            max: number;
        } | {
            allowed: string[];
            /** @enum {string} */
            code: "not_one_of";
        } | {
            /** @enum {string} */
            code: "wrong_type";
            expected: string;
        } | {
            /** @enum {string} */
            code: "unknown_field";
            known: string[];
        } | {
            /** @enum {string} */
            code: "has_unknown_field";
            known: string[];
        } | {
            /** @enum {string} */
            code: "duplicate";
        } | {
            /** @enum {string} */
            code: "needed_with";
            field: string;
        } | {
            /** @enum {string} */
            code: "not_beside";
            field: string;
        } | {
            /** @enum {string} */
            code: "control_characters";
        } | {
            /** @enum {string} */
            code: "invalid_email";
        } | {
            /** @enum {string} */
            code: "invalid_phone";
        } | {
            /** @enum {string} */
            code: "invalid_date";
        } | {
            /** @enum {string} */
            code: "invalid_time_of_day";
        } | {
            /** @enum {string} */
            code: "invalid_timestamp";
        } | {
            /** @enum {string} */
            code: "too_late";
            limit: string;
        } | {
            /** @enum {string} */
            code: "invalid_time_zone";
        } | {
            /** @enum {string} */
            code: "invalid_language";
        } | {
            /** @enum {string} */
            code: "invalid_opening_hours";
            max: number;
        } | {
            /** @enum {string} */
            code: "invalid_cursor";
        } | {
            /** @enum {string} */
            code: "invalid_etag";
        } | {
            /** @enum {string} */
            code: "too_few_letters";
            min: number;
        } | {
            /** @enum {string} */
            code: "in_future";
        } | {
            /** @enum {string} */
            code: "taken";
        } | {
            /** @enum {string} */
            code: "unknown_patient";
        } | {
            /** @enum {string} */
            code: "unknown_doctor";
        } | {
            /** @enum {string} */
            code: "ends_too_early";
        } | {
            /** @enum {string} */
            code: "ends_too_late";
            /** Format: int64 */
            hours: number;
        } | {
            /** @enum {string} */
            code: "systolic_too_low";
        } | {
            /** @enum {string} */
            code: "no_measurement";
        } | {
            /** @enum {string} */
            code: "not_positive";
        } | {
            /** @enum {string} */
            code: "not_negative";
        } | {
            /** @enum {string} */
            code: "zero";
        } | {
            /** @enum {string} */
            code: "stock_too_high";
            /** Format: int64 */
            max: number;
        } | {
            /** @enum {string} */
            code: "wrong_password";
        } | {
            /** @enum {string} */
            code: "password_too_short";
            min: number;
        } | {
            /** @enum {string} */
            code: "contains_email";
        } | {
            /** @enum {string} */
            code: "contains_hospital";
        } | {
            /** @enum {string} */
            code: "too_guessable";
            why: components["schemas"]["Guess"];
        } | {
            /** @enum {string} */
            code: "invalid_card_number";
        } | {
            /** @enum {string} */
            code: "card_number_mistyped";
        } | {
            /** @enum {string} */
            code: "invalid_card_code";
        } | {
            /** @enum {string} */
            code: "invalid_card_expiry";
        } | {
            /** @enum {string} */
            code: "card_expired";
        } | {
            /** @enum {string} */
            code: "not_a_test_card";
        } | {
            /** @enum {string} */
            code: "card_not_taken";
        } | {
            /** @enum {string} */
            code: "payment_method_not_taken";
        } | {
            /** @enum {string} */
            code: "payment_failed";
            failure: components["schemas"]["Failure"];
        } | {
            /** @enum {string} */
            code: "wrong_price";
            plan: string;
            /** Format: int64 */
            price: number;
        } | {
            /** @enum {string} */
            code: "not_as_in_catalogue";
            right: string;
        } | {
            /** @enum {string} */
            code: "invalid";
        };
        /**
         * @description What makes a password easy to guess.
         * @enum {string}
         */
        Guess: "common" | "keyboard" | "repetition" | "sequence" | "date" | "word" | "name" | "weak";
        Hours: {
            /** @example 08:30 */
            from: string;
            /** @example 08:30 */
            to: string;
        };
        /** @description What an invitation is for. */
        Invitation: {
            /** Format: date-time */
            expires_at: string;
            user: components["schemas"]["SignedInUser"];
        };
        /** @description A link to hand over. */
        InvitationLink: {
            /** Format: date-time */
            expires_at: string;
            /**
             * @description Shown once. Whoever has it becomes the user.
             * @example https://app.example.org/accept-invitation#token=cinv_org_01jd8x2v9t6m3k5q7r1w4y0z8a_…
             */
            invitation_url: string;
        };
        /**
         * @example {
         *       "token": "cinv_org_01jd8x2v9t6m3k5q7r1w4y0z8a_…"
         *     }
         */
        InvitationToken: {
            /**
             * Format: password
             * @description What stands behind `#token=` in the link.
             */
            token: string;
        };
        /** @description A user who was invited, and the link to hand over. */
        InvitedUser: components["schemas"]["User"] & {
            /**
             * @description Shown once. Whoever has it becomes the user.
             * @example https://app.example.org/accept-invitation#token=cinv_org_01jd8x2v9t6m3k5q7r1w4y0z8a_…
             */
            invitation_url: string;
            seats: components["schemas"]["Seats"];
        };
        Line200: string;
        Login: {
            email: components["schemas"]["EmailAddress"];
            /**
             * Format: password
             * @example violet tractors sing at noon
             */
            password: string;
        };
        /** @description Who is signed in, and what they may do. */
        Me: {
            organization?: components["schemas"]["Organization"] | null;
            /**
             * @description What the user's role may do; the same table decides every request.
             * @example [
             *       "organization.read",
             *       "patients.read"
             *     ]
             */
            permissions: string[];
            session: components["schemas"]["Session"];
            user: components["schemas"]["SignedInUser"];
        };
        /**
         * @description What was measured, in the units that stand in the names; at least one.
         * @example {
         *       "diastolic_mmhg": 80,
         *       "pulse_per_minute": 72,
         *       "systolic_mmhg": 120,
         *       "temperature_celsius": 36.8
         *     }
         */
        Measured: {
            /** Format: int32 */
            diastolic_mmhg?: number;
            /** Format: double */
            height_cm?: number;
            /** Format: int32 */
            oxygen_saturation_percent?: number;
            /** Format: int32 */
            pulse_per_minute?: number;
            /** Format: int32 */
            respiratory_rate_per_minute?: number;
            /**
             * Format: int32
             * @description Only together with `diastolic_mmhg`, and above it.
             */
            systolic_mmhg?: number;
            /** Format: double */
            temperature_celsius?: number;
            /** Format: double */
            weight_kg?: number;
        };
        /** @description A medicine in stock. */
        Medicine: {
            /** @example B-2210 */
            batch?: string | null;
            /**
             * Format: date-time
             * @example 2026-11-23T09:00:00Z
             */
            created_at: string;
            expires_on?: string | null;
            /**
             * @description Whether it is time to order.
             * @example false
             */
            low: boolean;
            /** @example Ibuprofen 400 mg */
            medicine: string;
            /** @example med_01jd8x2v9t6m3k5q7r1w4y0z8a */
            medicine_id: string;
            /**
             * Format: int64
             * @example 120
             */
            quantity: number;
            /** @description When it was removed from the stock. */
            removed_at?: string | null;
            /**
             * Format: int64
             * @example 50
             */
            reorder_level?: number | null;
            /** @example tablets */
            unit?: string | null;
            updated_at?: string | null;
            /**
             * Format: int64
             * @description The `ETag` without its quotes.
             * @example 1
             */
            version: number;
        };
        /**
         * @example {
         *       "batch": null,
         *       "reorder_level": 80
         *     }
         */
        MedicineChange: {
            batch?: string | null;
            /** Format: date */
            expires_on?: string | null;
            medicine?: string;
            /** Format: int64 */
            reorder_level?: number | null;
            unit?: string | null;
        };
        /** @description The platform in figures. Hospitals whose data is only kept after their removal are not among them. */
        Metrics: {
            /** @example USD */
            currency: string;
            /**
             * Format: int64
             * @description US dollars that active hospitals pay per month.
             * @example 398
             */
            monthly_revenue: number;
            organizations: components["schemas"]["OrganizationFigures"];
            plans: components["schemas"]["PlanFigures"][];
            signups: components["schemas"]["SignupFigures"];
            users: components["schemas"]["UserFigures"];
        };
        NamePreview: {
            /** @example st_marys_hospital */
            database_name: string;
        };
        /**
         * @example {
         *       "doctor_id": "user_01jd8x2v9t6m3k5q7r1w4y0z8a",
         *       "patient_id": "pat_01jd8x2v9t6m3k5q7r1w4y0z8a",
         *       "reason": "Headache",
         *       "starts_at": "2026-11-24T09:00:00Z"
         *     }
         */
        NewAppointment: {
            /** @description The `user_id` of a doctor who is active. */
            doctor_id: string;
            /** @description At most 12 hours later; by default after the hospital's `appointment_minutes`. */
            ends_at?: string | null;
            /** @description Of a patient whose record is in use. */
            patient_id: string;
            reason?: string | null;
            /**
             * Format: date-time
             * @example 2026-11-23T09:00:00Z
             */
            starts_at: string;
        };
        /**
         * @example {
         *       "batch": "B-2210",
         *       "expires_on": "2027-03-31",
         *       "medicine": "Ibuprofen 400 mg",
         *       "quantity": 120,
         *       "reorder_level": 50,
         *       "unit": "tablets"
         *     }
         */
        NewMedicine: {
            batch?: string | null;
            expires_on?: string | null;
            medicine: string;
            /** Format: int64 */
            quantity: number;
            /**
             * Format: int64
             * @description With this quantity or less, it is time to order.
             */
            reorder_level?: number | null;
            unit?: string | null;
        };
        /**
         * @example {
         *       "text": "Complains of headache since Monday."
         *     }
         */
        NewNote: {
            text: string;
        };
        /**
         * @example {
         *       "allergies": [
         *         "penicillin"
         *       ],
         *       "birth_date": "1980-05-17",
         *       "name": "Jane Smith",
         *       "phone": "+1-555-0101",
         *       "sex": "female"
         *     }
         */
        NewPatient: {
            address?: string | null;
            /** @description At most 100. */
            allergies?: components["schemas"]["Line200"][];
            /**
             * Format: date
             * @description Not in the future.
             * @example 1980-05-17
             */
            birth_date: string;
            blood_group?: components["schemas"]["BloodGroup"] | null;
            /** Format: email */
            email?: string | null;
            name: string;
            phone?: string | null;
            /** @description On the patient's card; unique in the hospital. The next free one if there is none. */
            record_number?: string | null;
            sex?: components["schemas"]["Sex"] | null;
        };
        /**
         * @example {
         *       "dose": "1 tablet",
         *       "duration_days": 5,
         *       "frequency": "three times a day",
         *       "medicine": "Ibuprofen 400 mg"
         *     }
         */
        NewPrescription: {
            dose: string;
            /** Format: int32 */
            duration_days?: number | null;
            frequency: string;
            instructions?: string | null;
            medicine: string;
        };
        /**
         * @description What a PUT of a setting sends.
         * @example {
         *       "value": "Asia/Kolkata"
         *     }
         */
        NewSetting: {
            /**
             * @description Of the setting's type: `time_zone` an IANA name, `language` a BCP 47 tag, `appointment_minutes` 5 to 240,
             *     `opening_hours` an object, `address` a text of at most 1000 characters.
             */
            value: components["schemas"]["SettingValue"];
        };
        /** @enum {string} */
        NewStatus: "active" | "disabled";
        Note: {
            /**
             * Format: date-time
             * @example 2026-11-23T09:00:00Z
             */
            at: string;
            /**
             * @description The `user_id` of who wrote it.
             * @example user_01jd8x2v9t6m3k5q7r1w4y0z8a
             */
            author_id: string;
            /** @example note_01jd8x2v9t6m3k5q7r1w4y0z8a */
            note_id: string;
            /** @example Complains of headache since Monday. */
            text: string;
        };
        /** @description When the hospital is open; a day without entries is closed. */
        OpeningHours: {
            /** @default [] */
            friday: components["schemas"]["Hours"][];
            /** @default [] */
            monday: components["schemas"]["Hours"][];
            /** @default [] */
            saturday: components["schemas"]["Hours"][];
            /** @default [] */
            sunday: components["schemas"]["Hours"][];
            /** @default [] */
            thursday: components["schemas"]["Hours"][];
            /** @default [] */
            tuesday: components["schemas"]["Hours"][];
            /** @default [] */
            wednesday: components["schemas"]["Hours"][];
        };
        /** @description A hospital as its staff and the platform see it. */
        Organization: {
            /** @description What the operator says; for the platform's administrators. */
            conditions?: components["schemas"]["OrganizationCondition"][] | null;
            /** Format: date-time */
            created_at?: string | null;
            /** @example st_marys_hospital */
            database_name: string;
            /** @example admin@stmarys.com */
            organization_email: string;
            /** @example org_01jd8x2v9t6m3k5q7r1w4y0z8a */
            organization_id: string;
            /** @example St. Mary's Hospital */
            organization_name: string;
            /** @example +1-555-0000 */
            organization_phone?: string | null;
            plan: components["schemas"]["Plan"];
            seats: components["schemas"]["Seats"];
            /**
             * @description `pending_payment`, `provisioning`, `active`, `suspended`, `failed` or `terminating`.
             * @example active
             */
            status: string;
        };
        /** @description One thing that the operator says of a hospital. */
        OrganizationCondition: {
            message: string;
            /** @example AsDeclared */
            reason: string;
            /** Format: date-time */
            since: string;
            /** @example True */
            status: string;
            /** @example Ready */
            type: string;
        };
        /** @description An organization with what the operator says of it and what it has paid. */
        OrganizationDetails: components["schemas"]["Organization"] & {
            payments: components["schemas"]["PaymentsSummary"];
        };
        OrganizationFigures: {
            /** Format: int64 */
            active: number;
            /** Format: int64 */
            failed: number;
            /** Format: int64 */
            pending_payment: number;
            /** Format: int64 */
            provisioning: number;
            /** Format: int64 */
            suspended: number;
            /** Format: int64 */
            terminating: number;
            /** Format: int64 */
            total: number;
        };
        OrganizationLogin: {
            email: components["schemas"]["EmailAddress"];
            /** @example org_01jd8x2v9t6m3k5q7r1w4y0z8a */
            organization_id: string;
            /**
             * Format: password
             * @example violet tractors sing at noon
             */
            password: string;
        };
        /** @description An organization in the platform's list. */
        OrganizationSummary: {
            /** Format: date-time */
            created_at: string;
            /** @example st_marys_hospital */
            database_name: string;
            /** @example org_01jd8x2v9t6m3k5q7r1w4y0z8a */
            organization_id: string;
            /** @example St. Mary's Hospital */
            organization_name: string;
            plan: components["schemas"]["Plan"];
            /** Format: date-time */
            provisioned_at?: string | null;
            /** @description As the operator saw them last. */
            seats: components["schemas"]["Seats"];
            /**
             * @description `pending_payment`, `provisioning`, `active`, `suspended`, `failed` or `terminating`.
             * @example active
             */
            status: string;
        };
        /** @description One page of a list. */
        Paged_Appointment: {
            items: {
                /** @example apt_01jd8x2v9t6m3k5q7r1w4y0z8a */
                appointment_id: string;
                /**
                 * Format: date-time
                 * @example 2026-11-23T09:00:00Z
                 */
                created_at: string;
                /** @example user_01jd8x2v9t6m3k5q7r1w4y0z8a */
                doctor_id: string;
                /**
                 * @description The doctor's name, or e-mail address where there is none.
                 * @example Dr. Ana Gómez
                 */
                doctor_name?: string | null;
                /**
                 * Format: date-time
                 * @example 2026-11-23T09:00:00Z
                 */
                ends_at: string;
                /**
                 * @description What the caller may make of it now.
                 * @example [
                 *       "arrived",
                 *       "cancelled",
                 *       "missed"
                 *     ]
                 */
                next: components["schemas"]["AppointmentStatus"][];
                /** @example pat_01jd8x2v9t6m3k5q7r1w4y0z8a */
                patient_id: string;
                /** @example Jane Smith */
                patient_name?: string | null;
                /** @example Headache */
                reason?: string | null;
                /** @example P000001 */
                record_number?: string | null;
                /**
                 * Format: date-time
                 * @example 2026-11-23T09:00:00Z
                 */
                starts_at: string;
                status: components["schemas"]["AppointmentStatus"];
                updated_at?: string | null;
                /**
                 * Format: int64
                 * @description The `ETag` without its quotes.
                 * @example 1
                 */
                version: number;
            }[];
            /** @description Asks for the page after this one; absent on the last. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Paged_AuditEntry: {
            items: {
                /** @example patient.read */
                action: string;
                /** @example user_01jd8x2v9t6m3k5q7r1w4y0z8a */
                actor_id: string;
                /**
                 * @description The role at that time.
                 * @example DOCTOR
                 */
                actor_role: string;
                /**
                 * Format: date-time
                 * @example 2026-11-23T09:00:00Z
                 */
                at: string;
                /** @description Names of fields, ids and counts; never values of a patient's record. */
                details: Record<string, never>;
                /** @description SHA-256 over the canonical JSON (RFC 8785) of all other fields. */
                hash: string;
                /** @description The hash of the entry before; of the first, 64 zeros. */
                previous_hash: string;
                /** @example req_01jd8x2v9t6m3k5q7r1w4y0z8a */
                request_id?: string | null;
                /**
                 * Format: int64
                 * @description The place in the chain, counted from 1.
                 * @example 42
                 */
                sequence: number;
                target?: components["schemas"]["AuditTarget"] | null;
            }[];
            /** @description Asks for the page after this one; absent on the last. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Paged_DirectoryEntry: {
            items: {
                /** @example org_01jd8x2v9t6m3k5q7r1w4y0z8a */
                organization_id: string;
                /** @example St. Mary's Hospital */
                organization_name: string;
            }[];
            /** @description Asks for the page after this one; absent on the last. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Paged_Medicine: {
            items: {
                /** @example B-2210 */
                batch?: string | null;
                /**
                 * Format: date-time
                 * @example 2026-11-23T09:00:00Z
                 */
                created_at: string;
                expires_on?: string | null;
                /**
                 * @description Whether it is time to order.
                 * @example false
                 */
                low: boolean;
                /** @example Ibuprofen 400 mg */
                medicine: string;
                /** @example med_01jd8x2v9t6m3k5q7r1w4y0z8a */
                medicine_id: string;
                /**
                 * Format: int64
                 * @example 120
                 */
                quantity: number;
                /** @description When it was removed from the stock. */
                removed_at?: string | null;
                /**
                 * Format: int64
                 * @example 50
                 */
                reorder_level?: number | null;
                /** @example tablets */
                unit?: string | null;
                updated_at?: string | null;
                /**
                 * Format: int64
                 * @description The `ETag` without its quotes.
                 * @example 1
                 */
                version: number;
            }[];
            /** @description Asks for the page after this one; absent on the last. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Paged_OrganizationSummary: {
            items: {
                /** Format: date-time */
                created_at: string;
                /** @example st_marys_hospital */
                database_name: string;
                /** @example org_01jd8x2v9t6m3k5q7r1w4y0z8a */
                organization_id: string;
                /** @example St. Mary's Hospital */
                organization_name: string;
                plan: components["schemas"]["Plan"];
                /** Format: date-time */
                provisioned_at?: string | null;
                /** @description As the operator saw them last. */
                seats: components["schemas"]["Seats"];
                /**
                 * @description `pending_payment`, `provisioning`, `active`, `suspended`, `failed` or `terminating`.
                 * @example active
                 */
                status: string;
            }[];
            /** @description Asks for the page after this one; absent on the last. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Paged_PatientDetails: {
            items: {
                /** @example 1 Main Street, Springfield */
                address?: string | null;
                /**
                 * @example [
                 *       "penicillin"
                 *     ]
                 */
                allergies: string[];
                /** @description When the record was taken out of use. */
                archived_at?: string | null;
                /**
                 * Format: date
                 * @example 1980-05-17
                 */
                birth_date: string;
                blood_group?: components["schemas"]["BloodGroup"] | null;
                /**
                 * Format: date-time
                 * @example 2026-11-23T09:00:00Z
                 */
                created_at: string;
                /** @example jane@example.com */
                email?: string | null;
                /** @example Jane Smith */
                name: string;
                /** @example pat_01jd8x2v9t6m3k5q7r1w4y0z8a */
                patient_id: string;
                /** @example +1-555-0101 */
                phone?: string | null;
                /** @example P000001 */
                record_number: string;
                sex?: components["schemas"]["Sex"];
                updated_at?: string | null;
                /**
                 * Format: int64
                 * @description The `ETag` without its quotes.
                 * @example 1
                 */
                version: number;
            }[];
            /** @description Asks for the page after this one; absent on the last. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Paged_Payment: {
            items: {
                /**
                 * Format: date-time
                 * @description When the hospital was made active with it.
                 */
                activated_at?: string | null;
                /**
                 * Format: int64
                 * @description Whole units of the currency.
                 */
                amount: number;
                card?: components["schemas"]["CardSummary"] | null;
                /** Format: date-time */
                created_at: string;
                /** @example USD */
                currency: string;
                failure?: components["schemas"]["Failure"] | null;
                organization_id: string;
                /** @example pay_01jd0000000000000000000000 */
                payment_id: string;
                plan: components["schemas"]["Plan"];
                /** @description `test` or `stripe`. */
                provider: string;
                status: components["schemas"]["PaymentStatus"];
                /** Format: date-time */
                succeeded_at?: string | null;
            }[];
            /** @description Asks for the page after this one; absent on the last. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Paged_User: {
            items: {
                /** Format: date-time */
                created_at: string;
                /** @example doctor@stmarys.com */
                email: string;
                /**
                 * Format: date-time
                 * @description Until when an invited user can accept.
                 */
                invitation_expires_at?: string | null;
                /** Format: date-time */
                last_login?: string | null;
                /** @example Dr. Jane Miller */
                name?: string | null;
                role: components["schemas"]["Role"];
                status: components["schemas"]["UserStatus"];
                /** @example user_01jd8x2v9t6m3k5q7r1w4y0z8a */
                user_id: string;
                /**
                 * Format: int64
                 * @description Counts the changes; a change needs it as `If-Match: "<version>"`.
                 * @example 1
                 */
                version: number;
            }[];
            /** @description Asks for the page after this one; absent on the last. */
            next_cursor?: string | null;
        };
        /** @description A patient's record, as far as the caller's role may see it. */
        Patient: components["schemas"]["PatientDetails"] & {
            /** @description With the permission `clinical_notes.read`; oldest first. */
            notes?: components["schemas"]["Note"][] | null;
            /** @description With the permission `clinical_notes.read`; oldest first. */
            prescriptions?: components["schemas"]["Prescription"][] | null;
            /** @description With the permission `vitals.read`; oldest first. */
            vitals?: components["schemas"]["Vitals"][] | null;
        };
        /**
         * @example {
         *       "email": null,
         *       "phone": "+1-555-0102"
         *     }
         */
        PatientChange: {
            address?: string | null;
            allergies?: components["schemas"]["Line200"][] | null;
            /** Format: date */
            birth_date?: string;
            blood_group?: components["schemas"]["BloodGroup"] | null;
            /** Format: email */
            email?: string | null;
            name?: string;
            phone?: string | null;
            record_number?: string;
            sex?: components["schemas"]["Sex"] | null;
        };
        /** @description Who a patient is. */
        PatientDetails: {
            /** @example 1 Main Street, Springfield */
            address?: string | null;
            /**
             * @example [
             *       "penicillin"
             *     ]
             */
            allergies: string[];
            /** @description When the record was taken out of use. */
            archived_at?: string | null;
            /**
             * Format: date
             * @example 1980-05-17
             */
            birth_date: string;
            blood_group?: components["schemas"]["BloodGroup"] | null;
            /**
             * Format: date-time
             * @example 2026-11-23T09:00:00Z
             */
            created_at: string;
            /** @example jane@example.com */
            email?: string | null;
            /** @example Jane Smith */
            name: string;
            /** @example pat_01jd8x2v9t6m3k5q7r1w4y0z8a */
            patient_id: string;
            /** @example +1-555-0101 */
            phone?: string | null;
            /** @example P000001 */
            record_number: string;
            sex?: components["schemas"]["Sex"];
            updated_at?: string | null;
            /**
             * Format: int64
             * @description The `ETag` without its quotes.
             * @example 1
             */
            version: number;
        };
        /** @description A payment as lists show it. */
        Payment: {
            /**
             * Format: date-time
             * @description When the hospital was made active with it.
             */
            activated_at?: string | null;
            /**
             * Format: int64
             * @description Whole units of the currency.
             */
            amount: number;
            card?: components["schemas"]["CardSummary"] | null;
            /** Format: date-time */
            created_at: string;
            /** @example USD */
            currency: string;
            failure?: components["schemas"]["Failure"] | null;
            organization_id: string;
            /** @example pay_01jd0000000000000000000000 */
            payment_id: string;
            plan: components["schemas"]["Plan"];
            /** @description `test` or `stripe`. */
            provider: string;
            status: components["schemas"]["PaymentStatus"];
            /** Format: date-time */
            succeeded_at?: string | null;
        };
        PaymentAnswer: {
            /** Format: int64 */
            amount: number;
            card?: components["schemas"]["CardSummary"] | null;
            client_secret?: string | null;
            /** @description The collections of the database that are in place. */
            collections: string[];
            currency: string;
            database_name?: string | null;
            organization_id: string;
            payment_id: string;
            plan: components["schemas"]["Plan"];
            status: components["schemas"]["Progress"];
        };
        /** @enum {string} */
        PaymentStatus: "pending" | "action_required" | "succeeded" | "failed";
        PaymentsSummary: {
            /** Format: date-time */
            last_at?: string | null;
            /**
             * Format: int64
             * @description Payments that succeeded.
             * @example 1
             */
            succeeded: number;
            /**
             * Format: int64
             * @description Their sum, in US dollars.
             * @example 299
             */
            total: number;
        };
        Permission: {
            /** @example See who a patient is and how to reach them. */
            meaning: string;
            /**
             * @description As in `GET /me`.
             * @example patients.read
             */
            name: string;
        };
        /** @description A plan as every answer shows it. */
        Plan: {
            /** @example USD */
            currency: string;
            /** @example month */
            interval: string;
            /**
             * Format: int64
             * @description How many users the hospital may have; `null` means no limit.
             * @example 20
             */
            max_users: number | null;
            /** @example Professional */
            name: string;
            /** @example professional */
            plan_id: string;
            /**
             * Format: int64
             * @description Whole units of `currency` per `interval`.
             * @example 299
             */
            price: number;
        };
        PlanChange: {
            /**
             * @description A `plan_id` of `GET /plans`.
             * @example enterprise
             */
            plan_id: string;
        };
        /** @description A plan of `GET /plans`. Whatever else is sent with its id has to agree with the catalogue. */
        PlanChoice: {
            /**
             * Format: int64
             * @description `null` for a plan without a limit.
             * @example 20
             */
            max_users?: number | null;
            /** @example Professional */
            name?: string;
            /** @example professional */
            plan_id: string;
            /**
             * Format: int64
             * @description US dollars per month.
             * @example 299
             */
            price?: number;
        };
        PlanFigures: {
            /** Format: int64 */
            active: number;
            /**
             * Format: int64
             * @description US dollars that the active ones pay per month.
             */
            monthly_revenue: number;
            /** Format: int64 */
            organizations: number;
            plan: components["schemas"]["Plan"];
            /** Format: int64 */
            users: number;
        };
        Plans: {
            plans: components["schemas"]["Plan"][];
            /**
             * @description The number of a card that pays, where this installation charges nothing. Absent where payments are real.
             * @example 4111111111111111
             */
            test_card?: string | null;
        };
        Prescription: {
            /**
             * Format: date-time
             * @example 2026-11-23T09:00:00Z
             */
            at: string;
            /**
             * @description The `user_id` of who prescribed.
             * @example user_01jd8x2v9t6m3k5q7r1w4y0z8a
             */
            author_id: string;
            /** @example 1 tablet */
            dose: string;
            /**
             * Format: int32
             * @example 5
             */
            duration_days?: number | null;
            /** @example three times a day */
            frequency: string;
            /** @example After meals */
            instructions?: string | null;
            /** @example Ibuprofen 400 mg */
            medicine: string;
            /** @example rx_01jd8x2v9t6m3k5q7r1w4y0z8a */
            prescription_id: string;
        };
        /** @description The body of every error, as RFC 9457 defines it. */
        Problem: {
            /** @description For a person: what happened and what to do. */
            detail: string;
            /** @description The fields that are not right. */
            errors?: components["schemas"]["FieldError"][];
            /** @description Finds the request in the service's logs. */
            request_id?: string | null;
            /** Format: int32 */
            status: number;
            title: string;
            /**
             * @description Identifies the kind of problem; stable.
             * @example https://chakravue.io/problems/invalid
             */
            type: string;
        } & {
            [key: string]: unknown;
        };
        ProcessPayment: {
            /**
             * Format: double
             * @description The price of the plan, in US dollars.
             * @example 299
             */
            amount: number;
            /**
             * @description Three or four digits. Never stored.
             * @example 123
             */
            card_cvc?: string | null;
            /**
             * @description `MM/YY`.
             * @example 12/30
             */
            card_expiry?: string | null;
            /** @description The name on the card. */
            card_name?: string | null;
            /**
             * @description With the provider for test cards: one of its numbers. Never stored.
             * @example 4111111111111111
             */
            card_number?: string | null;
            /** @example org_01jd0000000000000000000000 */
            organization_id: string;
            /** @description With Stripe, in place of the card: what its form in the browser made of it. */
            payment_method?: string | null;
        };
        /**
         * @description How far the payment has come.
         * @enum {string}
         */
        Progress: "active" | "provisioning" | "payment_pending" | "action_required";
        /** @description Where the making of a hospital stands. */
        Provisioning: {
            /** @description For a person: what is going on. */
            message: string;
            /** @example org_01jd8x2v9t6m3k5q7r1w4y0z8a */
            organization_id: string;
            /** @description Whether the hospital can be used. */
            ready: boolean;
            /**
             * @description `pending_payment`, `provisioning`, `active`, `suspended`, `failed` or `terminating`.
             * @example provisioning
             */
            status: string;
            steps: components["schemas"]["ProvisioningStep"][];
        };
        /** @description One event of the stream. */
        ProvisioningEvent: {
            /** @description What `GET …/provisioning` answers, as JSON. */
            data: string;
            /** @example progress */
            event: string;
            /**
             * @description What a browser sends back as `Last-Event-ID`.
             * @example 314
             */
            id: string;
        };
        /** @description One thing that has to be made. */
        ProvisioningStep: {
            state: components["schemas"]["ProvisioningStepState"];
            /**
             * @description Names the step for a program: `claim`, `credentials`, each collection, `indexes`, `ready`.
             * @example credentials
             */
            step: string;
            /** @example Give the hospital its own database login */
            title: string;
        };
        /** @enum {string} */
        ProvisioningStepState: "waiting" | "working" | "done" | "failed";
        Readiness: {
            /**
             * @description Whether the hospitals' objects are known and Kubernetes answers. Once they are known, hospitals work on without it, and
             *     the service stays ready.
             */
            kubernetes: boolean;
            /** @description Whether the master database answers, has its indexes, and lets the service do all that it needs. */
            mongodb: boolean;
            ready: boolean;
        };
        /** @description What was measured, in the units that stand in the names. */
        Readings: {
            /** Format: int32 */
            diastolic_mmhg?: number;
            /** Format: double */
            height_cm?: number;
            /** Format: int32 */
            oxygen_saturation_percent?: number;
            /** Format: int32 */
            pulse_per_minute?: number;
            /** Format: int32 */
            respiratory_rate_per_minute?: number;
            /**
             * Format: int32
             * @description Only together with `diastolic_mmhg`, and above it.
             */
            systolic_mmhg?: number;
            /** Format: double */
            temperature_celsius?: number;
            /** Format: double */
            weight_kg?: number;
        };
        RequestReset: {
            email: components["schemas"]["EmailAddress"];
            /**
             * @description The hospital; without it, wherever the address can sign in.
             * @example org_01jd8x2v9t6m3k5q7r1w4y0z8a
             */
            organization_id?: string | null;
        };
        /** @description A link to hand over. */
        ResetLink: {
            /** Format: date-time */
            expires_at: string;
            /**
             * @description Shown once. Whoever has it can set the user's password.
             * @example https://app.example.org/reset-password#token=crst_org_01jd8x2v9t6m3k5q7r1w4y0z8a_…
             */
            reset_url: string;
        };
        /**
         * @description What a member of the staff can be: the schema of `StaffRole`, whose crate knows nothing of OpenAPI. Requests may write it
         *     in small letters.
         * @enum {string}
         */
        Role: "ADMIN" | "RECEPTIONIST" | "OPD" | "DOCTOR";
        /** @description A role and everything that it may do. */
        RolePermissions: {
            permissions: components["schemas"]["Permission"][];
            role: components["schemas"]["Role"];
        };
        Roles: {
            roles: components["schemas"]["RolePermissions"][];
        };
        /** @description Users against the plan. Disabled users take no seat. */
        Seats: {
            /**
             * Format: int64
             * @description `null`: any number.
             * @example 20
             */
            limit: number | null;
            /**
             * Format: int64
             * @example 3
             */
            used: number;
        };
        /** @description A sign-in that has not ended. */
        Session: {
            /**
             * @description Where and with what it was started.
             * @example 203.0.113.9
             */
            address: string;
            /** Format: date-time */
            created_at: string;
            /** @description Whether it is the one that asks. */
            current: boolean;
            /**
             * Format: date-time
             * @description When it ends at the latest.
             */
            expires_at: string;
            /**
             * Format: date-time
             * @description When it ends if nothing more comes; of the one that asks, as of now.
             */
            idle_expires_at: string;
            /** Format: date-time */
            last_seen_at: string;
            /** @example ses_01jd8x2v9t6m3k5q7r1w4y0z8a */
            session_id: string;
            user_agent: string;
        };
        /** @description All sessions of one user. */
        Sessions: {
            /** @description The newest first. */
            sessions: components["schemas"]["Session"][];
        };
        /**
         * @example {
         *       "name": "Jane Miller",
         *       "password": "violet tractors sing at noon"
         *     }
         */
        SetUpAdministrator: {
            name?: components["schemas"]["Line200"] | null;
            /**
             * Format: password
             * @description 15 to 128 characters of any kind, hard to guess.
             */
            password: string;
        };
        Setting: {
            /** @description Whether the value is the default. */
            is_default: boolean;
            key: components["schemas"]["SettingKey"];
            updated_at?: string | null;
            value: components["schemas"]["SettingValue"];
            /**
             * Format: int64
             * @description The `ETag` without its quotes; 0: never set.
             * @example 0
             */
            version: number;
        };
        /**
         * @description The settings that there are.
         * @enum {string}
         */
        SettingKey: "time_zone" | "language" | "appointment_minutes" | "opening_hours" | "address";
        SettingValue: string | number | components["schemas"]["OpeningHours"] | null;
        Settings: {
            items: components["schemas"]["Setting"][];
        };
        /** @enum {string} */
        Sex: "female" | "male" | "other" | "unknown";
        /** @description Somebody is signed in now. */
        SignedIn: {
            /**
             * Format: date-time
             * @description When the session ends at the latest.
             */
            expires_at: string;
            /**
             * @description For programs, as `Authorization: Bearer`. Browsers have it in a cookie and should forget this one.
             * @example chs_2uZ0y3S5QxkVb6c1D8tJwPqRfLmNaEhGiKoUvXyZ0A4
             */
            token: string;
            user: components["schemas"]["SignedInUser"];
        };
        SignedInUser: {
            /** @example doctor@stmarys.com */
            email: string;
            name?: string | null;
            /**
             * @description Absent for administrators of the platform.
             * @example org_01jd3f8a5c9d2m4n6p8r0s2t4v
             */
            organization_id?: string | null;
            /** @example St. Mary's Hospital */
            organization_name?: string | null;
            /**
             * @description ADMIN, RECEPTIONIST, OPD, DOCTOR, or `PLATFORM_ADMINISTRATOR`.
             * @example DOCTOR
             */
            role: string;
            /** @example user_01jd3f8a5c9d2m4n6p8r0s2t4v */
            user_id: string;
        };
        SignupAnswer: {
            /** Format: date-time */
            created_at: string;
            /**
             * @description The MongoDB database that is made as soon as the hospital has paid.
             * @example st_marys_hospital
             */
            database_name: string;
            /** @example org_01jd8x2v9t6m3k5q7r1w4y0z8a */
            organization_id: string;
            /** @example St. Mary's Hospital */
            organization_name: string;
            plan: components["schemas"]["Plan"];
            /** Format: date-time */
            setup_expires_at: string;
            /**
             * @description Pays, watches the hospital being made, adds its team and sets the administrator's password. Shown this once; browsers
             *     also have it as a cookie.
             * @example cset_Zk3v…
             */
            setup_token: string;
            /** @example pending_payment */
            status: string;
        };
        SignupCount: {
            /** Format: int64 */
            organizations: number;
            /**
             * @description A day (`2026-11-23`) or a month (`2026-11`).
             * @example 2026-11-23
             */
            period: string;
        };
        SignupFigures: {
            /** @description The last 30 days, in UTC, the oldest first. */
            per_day: components["schemas"]["SignupCount"][];
            /** @description The last 12 months, in UTC, the oldest first. */
            per_month: components["schemas"]["SignupCount"][];
        };
        SignupRequest: {
            /**
             * Format: email
             * @description For everything that concerns the account; also the address of the first administrator.
             * @example admin@stmarys.com
             */
            organization_email: string;
            /**
             * @description The hospital's name as people read it.
             * @example St. Mary's Hospital
             */
            organization_name: string;
            /** @example +1-555-0000 */
            organization_phone: string;
            plan: components["schemas"]["PlanChoice"];
        };
        /**
         * @example {
         *       "change": -20,
         *       "reason": "dispensed"
         *     }
         */
        StockChange: {
            /**
             * Format: int64
             * @description How much comes in, or with a minus sign goes out.
             */
            change: number;
            reason: components["schemas"]["StockReason"];
        };
        /**
         * @description Why a stock changed.
         * @enum {string}
         */
        StockReason: "received" | "dispensed" | "returned" | "expired" | "damaged" | "counted";
        /** @description A user of a hospital. */
        User: {
            /** Format: date-time */
            created_at: string;
            /** @example doctor@stmarys.com */
            email: string;
            /**
             * Format: date-time
             * @description Until when an invited user can accept.
             */
            invitation_expires_at?: string | null;
            /** Format: date-time */
            last_login?: string | null;
            /** @example Dr. Jane Miller */
            name?: string | null;
            role: components["schemas"]["Role"];
            status: components["schemas"]["UserStatus"];
            /** @example user_01jd8x2v9t6m3k5q7r1w4y0z8a */
            user_id: string;
            /**
             * Format: int64
             * @description Counts the changes; a change needs it as `If-Match: "<version>"`.
             * @example 1
             */
            version: number;
        };
        UserBucket: {
            /**
             * Format: int64
             * @description At least so many users.
             */
            from: number;
            /** Format: int64 */
            organizations: number;
            /**
             * Format: int64
             * @description At most so many; `null`: no limit.
             */
            to: number | null;
        };
        /**
         * @description What to change. What is absent stays.
         * @example {
         *       "name": "Jane Miller",
         *       "role": "DOCTOR",
         *       "status": "active"
         *     }
         */
        UserChange: {
            name?: string | null;
            /** @description The user has to sign in again. */
            role?: components["schemas"]["Role"];
            status?: components["schemas"]["NewStatus"] | null;
        };
        UserFigures: {
            /** @description Hospitals by how many users they have. */
            distribution: components["schemas"]["UserBucket"][];
            /** Format: int64 */
            total: number;
        };
        /** @enum {string} */
        UserStatus: "invited" | "active" | "disabled";
        /** @description What a verification found. */
        Verification: {
            /** @description The first place where it does not hold. */
            broken?: components["schemas"]["BrokenLink"];
            /**
             * Format: int64
             * @description The log has more entries than were looked at: ask again with this as `after`. Until then nothing is said of the rest.
             * @example 250000
             */
            continue_after?: number;
            /**
             * Format: int64
             * @description How many entries hold, from the first; with `after`, those before it are taken to hold.
             * @example 1204
             */
            entries: number;
            /**
             * @description Whether the log is whole and unchanged.
             * @example true
             */
            intact: boolean;
        };
        Vitals: components["schemas"]["Readings"] & {
            /**
             * Format: date-time
             * @example 2026-11-23T09:00:00Z
             */
            at: string;
            /**
             * @description The `user_id` of who recorded it.
             * @example user_01jd8x2v9t6m3k5q7r1w4y0z8a
             */
            author_id: string;
            /** @example vit_01jd8x2v9t6m3k5q7r1w4y0z8a */
            vitals_id: string;
        };
    };
    responses: {
        /** @description Not allowed (`forbidden`), the subscription is suspended (`subscription-suspended`), or a browser sent it from another site (`cross-site`) */
        Forbidden: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Something in the request is not right; `errors` says what, and where */
        Invalid: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description It is not there, or the caller may not know of it */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description A problem; its `type` says which */
        Problem: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body did not arrive whole in time */
        RequestTimeout: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is larger than the service takes */
        TooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Nobody is signed in, or not any more */
        Unauthenticated: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body does not say that it is JSON */
        UnsupportedMediaType: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Somebody changed the record since it was read (`version-mismatch`) */
        VersionMismatch: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The ETag of the record that was read is needed as `If-Match` */
        VersionRequired: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    add_user: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes the request repeatable: sent again with the same key and the same body within 24 hours, it has no second effect and gets the first answer again, also when that never arrived; what was refused, unless a card was declined, or is not decided yet (202) is looked at anew. 1 to 255 visible ASCII characters; where nobody is signed in at least 16, because whoever knows the key gets the answer. A UUID does well. Whether the key and the body can be taken and whether the sender may send this is decided anew each time, before the first answer is looked for: a repetition after the session has ended is answered 401. What was taken once is not refused later as too many requests. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AddUser"];
            };
        };
        responses: {
            /** @description Invited */
            201: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvitedUser"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            /** @description No seat is free, the address is taken, or the hospital is not ready */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    get_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    accept_invitation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AcceptInvitation"];
            };
        };
        responses: {
            /** @description Accepted and signed in */
            200: {
                headers: {
                    /** @description The session, for browsers */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description The link was used, has expired or was replaced */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description The password is too easy to guess; the link can still be used */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    preview_invitation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvitationToken"];
            };
        };
        responses: {
            /** @description Who is invited to what */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invitation"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description The link was used, has expired or was replaced */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Login"];
            };
        };
        responses: {
            /** @description Signed in */
            200: {
                headers: {
                    /** @description The session, for browsers */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
            /** @description Not right together, or too many attempts */
            401: {
                headers: {
                    /** @description Seconds until the next attempt counts */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description Right at several hospitals, which `organizations` lists */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            /** @description Too many requests from this address or for this account */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many people are signing in at once, or the database is away */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    sign_out: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Signed out */
            204: {
                headers: {
                    /** @description What a browser forgets */
                    "Clear-Site-Data"?: string;
                    /** @description Takes the cookie away */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            default: components["responses"]["Problem"];
        };
    };
    list_all_organizations: {
        parameters: {
            query?: {
                /**
                 * @description Only organizations with this plan.
                 * @example professional
                 */
                plan?: string;
                /**
                 * @description Only organizations with this status.
                 * @example active
                 */
                status?: string;
                /**
                 * @description Part of the name, of the database's name or of the id.
                 * @example mary
                 */
                q?: string;
                /**
                 * @description What the list is sorted by, `-` for the other way round. The newest first, if nothing is said.
                 * @example -created
                 */
                sort?: "name" | "-name" | "status" | "-status" | "price" | "-price" | "users" | "-users" | "created" | "-created";
                /** @description How many the page has at most. */
                limit?: number;
                /** @description `next_cursor` of the page before, with the same filters and the same order. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of organizations */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paged_OrganizationSummary"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    list_platform_entries: {
        parameters: {
            query?: {
                /** @description What this user did. */
                actor_id?: string;
                /**
                 * @description Only what was done in this way: an entry's `action`.
                 * @example patient.read
                 */
                action?: string;
                /** @description What was done to this record; of a patient also each list and appointment in which they were seen. */
                target_id?: string;
                /**
                 * @description At this time or later.
                 * @example 2026-11-01T00:00:00Z
                 */
                since?: string;
                /**
                 * @description Before this time.
                 * @example 2026-12-01T00:00:00Z
                 */
                until?: string;
                /** @description How many the page has at most. */
                limit?: number;
                /** @description `next_cursor` of the page before, with the same filters. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of entries */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paged_AuditEntry"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    verify_platform_log: {
        parameters: {
            query?: {
                /** @description `continue_after` of the part before; without it, from the first entry. */
                after?: number;
                /** @description How many entries are looked at, at most. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was found */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verification"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            /** @description There is no entry with the number `after` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    get_metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The figures */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Metrics"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            default: components["responses"]["Problem"];
        };
    };
    get_any_organization: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The organization */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The organization */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrganizationDetails"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Problem"];
        };
    };
    invite_administrator: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The hospital's id.
                 * @example org_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The link */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvitationLink"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description The administrator has a password already, none is named, or the hospital is not ready */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    change_any_plan: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The organization */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlanChange"];
            };
        };
        responses: {
            /** @description The organization */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrganizationDetails"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description The plan has fewer seats than are in use (`plan-too-small`, with `seats`), it is managed elsewhere (`managed-elsewhere`, with `managers`), or a suspended hospital should get a smaller one */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            /** @description The seats in use cannot be counted, so that the hospital gets no smaller plan */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    resume_organization: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The organization */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The organization */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrganizationDetails"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description It has not paid yet, or its subscription is managed elsewhere (`managed-elsewhere`, with `managers`) */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    suspend_organization: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The organization */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The organization */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrganizationDetails"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description It has not paid yet, or its subscription is managed elsewhere (`managed-elsewhere`, with `managers`) */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    list_all_payments: {
        parameters: {
            query?: {
                /** @description Only payments of this hospital. */
                organization_id?: string;
                /** @description Only payments in this state. */
                status?: components["schemas"]["PaymentStatus"];
                /** @description How many payments to answer. */
                limit?: number;
                /** @description `next_cursor` of the page before, with the same filters. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of payments */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paged_Payment"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    get_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user, the role's permissions, the hospital and the session */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            default: components["responses"]["Problem"];
        };
    };
    change_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangePassword"];
            };
        };
        responses: {
            /** @description Changed; the answer has the new session */
            200: {
                headers: {
                    /** @description The new session, for browsers */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description The current password is not right, or the new one is too easy to guess */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many wrong passwords; wait as long as `Retry-After` says */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    list_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user's sessions, this one too */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sessions"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            default: components["responses"]["Problem"];
        };
    };
    end_session: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The session's id, from the list.
                 * @example ses_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                session_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ended */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            /** @description The user has no such session */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    sign_in_to_organization: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OrganizationLogin"];
            };
        };
        responses: {
            /** @description Signed in */
            200: {
                headers: {
                    /** @description The session, for browsers */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
            /** @description Not right together, or too many attempts */
            401: {
                headers: {
                    /** @description Seconds until the next attempt counts */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            /** @description Too many requests from this address or for this account */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many people are signing in at once, or the database is away */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    get_organization: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The hospital */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Organization"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Problem"];
        };
    };
    list_appointments: {
        parameters: {
            query?: {
                /**
                 * @description Those that start at this time or later.
                 * @example 2026-11-24T00:00:00Z
                 */
                from?: string;
                /**
                 * @description Those that start before this time.
                 * @example 2026-11-25T00:00:00Z
                 */
                to?: string;
                /** @description Only appointments with this doctor. */
                doctor_id?: string;
                /** @description Only appointments of this patient. */
                patient_id?: string;
                /** @description Only appointments that are in this state. */
                status?: components["schemas"]["AppointmentStatus"];
                /** @description How many the page has at most. */
                limit?: number;
                /** @description `next_cursor` of the page before, with the same filters. */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of appointments */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paged_Appointment"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    book_appointment: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes the request repeatable: sent again with the same key and the same body within 24 hours, it has no second effect and gets what was made the first time, as it is now; what was refused is looked at anew. 1 to 255 visible ASCII characters; a UUID does well. Whether the key and the body can be taken and whether the sender may send this is decided anew each time. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAppointment"];
            };
        };
        responses: {
            /** @description The appointment that was booked */
            201: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    /** @description Where the appointment is */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Appointment"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description The doctor is not free, or the patient's record is archived */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    read_appointment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The appointment's id.
                 * @example apt_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                appointment_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The appointment */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Appointment"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Problem"];
        };
    };
    change_appointment: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The ETag of the appointment that was read
                 * @example "1"
                 */
                "If-Match": string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The appointment's id.
                 * @example apt_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                appointment_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AppointmentChange"];
            };
        };
        responses: {
            /** @description The appointment as it is now */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Appointment"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description The doctor is not free, the patient's record is archived, or the appointment's status does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["VersionMismatch"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            428: components["responses"]["VersionRequired"];
            default: components["responses"]["Problem"];
        };
    };
    list_entries: {
        parameters: {
            query?: {
                /** @description What this user did. */
                actor_id?: string;
                /**
                 * @description Only what was done in this way: an entry's `action`.
                 * @example patient.read
                 */
                action?: string;
                /** @description What was done to this record; of a patient also each list and appointment in which they were seen. */
                target_id?: string;
                /**
                 * @description At this time or later.
                 * @example 2026-11-01T00:00:00Z
                 */
                since?: string;
                /**
                 * @description Before this time.
                 * @example 2026-12-01T00:00:00Z
                 */
                until?: string;
                /** @description How many the page has at most. */
                limit?: number;
                /** @description `next_cursor` of the page before, with the same filters. */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of entries */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paged_AuditEntry"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    verify_log: {
        parameters: {
            query?: {
                /** @description `continue_after` of the part before; without it, from the first entry. */
                after?: number;
                /** @description How many entries are looked at, at most. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was found */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verification"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            /** @description There is no such hospital, or no entry with the number `after` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    list_patients: {
        parameters: {
            query?: {
                /**
                 * @description A record number, or words of the name, in upper or lower case.
                 * @example smith
                 */
                q?: string;
                /**
                 * @description Only patients who were born on this day.
                 * @example 1980-05-17
                 */
                birth_date?: string;
                /** @description `true`: those that were taken out of use, instead of those in use. */
                archived?: boolean;
                /** @description How many the page has at most. */
                limit?: number;
                /** @description `next_cursor` of the page before, with the same filters. */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of patients */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paged_PatientDetails"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    register_patient: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes the request repeatable: sent again with the same key and the same body within 24 hours, it has no second effect and gets what was made the first time, as it is now; what was refused is looked at anew. 1 to 255 visible ASCII characters; a UUID does well. Whether the key and the body can be taken and whether the sender may send this is decided anew each time. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPatient"];
            };
        };
        responses: {
            /** @description The record that was made */
            201: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    /** @description Where the record is */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Patient"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Another patient has the record number */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    read_patient: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The patient's id.
                 * @example pat_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                patient_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The record */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Patient"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Problem"];
        };
    };
    archive_patient: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The ETag of the record that was read
                 * @example "1"
                 */
                "If-Match": string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The patient's id.
                 * @example pat_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                patient_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The record is archived */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description It was archived before */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["VersionMismatch"];
            422: components["responses"]["Invalid"];
            428: components["responses"]["VersionRequired"];
            default: components["responses"]["Problem"];
        };
    };
    change_patient: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The ETag of the record that was read
                 * @example "1"
                 */
                "If-Match": string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The patient's id.
                 * @example pat_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                patient_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatientChange"];
            };
        };
        responses: {
            /** @description The record as it is now */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Patient"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Another patient has the record number, or the record is archived */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["VersionMismatch"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            428: components["responses"]["VersionRequired"];
            default: components["responses"]["Problem"];
        };
    };
    add_note: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes the request repeatable: sent again with the same key and the same body within 24 hours, it has no second effect and gets what was made the first time, as it is now; what was refused is looked at anew. 1 to 255 visible ASCII characters; a UUID does well. Whether the key and the body can be taken and whether the sender may send this is decided anew each time. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The patient's id.
                 * @example pat_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                patient_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewNote"];
            };
        };
        responses: {
            /** @description The note */
            201: {
                headers: {
                    /** @description Of the patient's record */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Note"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description The record is archived or full */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    prescribe: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes the request repeatable: sent again with the same key and the same body within 24 hours, it has no second effect and gets what was made the first time, as it is now; what was refused is looked at anew. 1 to 255 visible ASCII characters; a UUID does well. Whether the key and the body can be taken and whether the sender may send this is decided anew each time. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The patient's id.
                 * @example pat_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                patient_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPrescription"];
            };
        };
        responses: {
            /** @description The prescription */
            201: {
                headers: {
                    /** @description Of the patient's record */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Prescription"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description The record is archived or full */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    restore_patient: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The patient's id.
                 * @example pat_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                patient_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The record as it is now */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Patient"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Problem"];
        };
    };
    record_vitals: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes the request repeatable: sent again with the same key and the same body within 24 hours, it has no second effect and gets what was made the first time, as it is now; what was refused is looked at anew. 1 to 255 visible ASCII characters; a UUID does well. Whether the key and the body can be taken and whether the sender may send this is decided anew each time. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The patient's id.
                 * @example pat_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                patient_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Measured"];
            };
        };
        responses: {
            /** @description The vitals */
            201: {
                headers: {
                    /** @description Of the patient's record */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vitals"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description The record is archived or full */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    list_payments: {
        parameters: {
            query?: {
                /** @description How many payments to answer. */
                limit?: number;
                /** @description `next_cursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of payments */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paged_Payment"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    list_medicines: {
        parameters: {
            query?: {
                /**
                 * @description Words of the name, or a batch, in upper or lower case.
                 * @example ibuprofen
                 */
                q?: string;
                /** @description `true`: only what it is time to order. */
                low?: boolean;
                /**
                 * @description Only what expires before this day.
                 * @example 2027-01-01
                 */
                expiring_before?: string;
                /** @description `true`: those that were removed, instead of those in stock. */
                removed?: boolean;
                /** @description How many the page has at most. */
                limit?: number;
                /** @description `next_cursor` of the page before, with the same filters. */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of medicines */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paged_Medicine"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    add_medicine: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes the request repeatable: sent again with the same key and the same body within 24 hours, it has no second effect and gets the first answer again, also when that never arrived; what was refused, unless a card was declined, or is not decided yet (202) is looked at anew. 1 to 255 visible ASCII characters; where nobody is signed in at least 16, because whoever knows the key gets the answer. A UUID does well. Whether the key and the body can be taken and whether the sender may send this is decided anew each time, before the first answer is looked for: a repetition after the session has ended is answered 401. What was taken once is not refused later as too many requests. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewMedicine"];
            };
        };
        responses: {
            /** @description The medicine */
            201: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    /** @description Where the medicine is */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Medicine"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    read_medicine: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The medicine's id.
                 * @example med_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                medicine_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The medicine */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Medicine"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Problem"];
        };
    };
    remove_medicine: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The ETag of the medicine that was read
                 * @example "1"
                 */
                "If-Match": string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The medicine's id.
                 * @example med_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                medicine_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["VersionMismatch"];
            422: components["responses"]["Invalid"];
            428: components["responses"]["VersionRequired"];
            default: components["responses"]["Problem"];
        };
    };
    change_medicine: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The ETag of the medicine that was read
                 * @example "1"
                 */
                "If-Match": string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The medicine's id.
                 * @example med_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                medicine_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MedicineChange"];
            };
        };
        responses: {
            /** @description The medicine as it is now */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Medicine"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            412: components["responses"]["VersionMismatch"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            428: components["responses"]["VersionRequired"];
            default: components["responses"]["Problem"];
        };
    };
    restore_medicine: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The medicine's id.
                 * @example med_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                medicine_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The medicine as it is now */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Medicine"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Problem"];
        };
    };
    change_stock: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes the request repeatable: sent again with the same key and the same body within 24 hours, it has no second effect and gets the first answer again, also when that never arrived; what was refused, unless a card was declined, or is not decided yet (202) is looked at anew. 1 to 255 visible ASCII characters; where nobody is signed in at least 16, because whoever knows the key gets the answer. A UUID does well. Whether the key and the body can be taken and whether the sender may send this is decided anew each time, before the first answer is looked for: a repetition after the session has ended is answered 401. What was taken once is not refused later as too many requests. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The medicine's id.
                 * @example med_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                medicine_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StockChange"];
            };
        };
        responses: {
            /** @description The medicine as it is now */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Medicine"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description There is not that much */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    change_own_plan: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlanChange"];
            };
        };
        responses: {
            /** @description The hospital with its new plan */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Organization"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description The plan has fewer seats than are in use (`plan-too-small`, with `seats`), or the plan is managed elsewhere (`managed-elsewhere`, with `managers`); with a setup token, one is paid for (`already-paid`) or being paid for (`payment-under-way`) */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            /** @description The seats in use cannot be counted, so that the hospital gets no smaller plan */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    get_provisioning: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Where it stands */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Provisioning"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Problem"];
        };
    };
    watch_provisioning: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the last event that arrived; browsers send it by themselves */
                "Last-Event-ID"?: string;
            };
            path: {
                /** @description The hospital */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["ProvisioningEvent"];
                };
            };
            /** @description The hospital is ready, and the last event has arrived */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Invalid"];
            /** @description Too many watch at once: ask `GET …/provisioning` instead */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    list_settings: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Each setting, with its default where it was not set */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Problem"];
        };
    };
    read_setting: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
                /** @description The setting's name. */
                key: components["schemas"]["SettingKey"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The setting */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Setting"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Problem"];
        };
    };
    set_setting: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of the setting that was read
                 * @example "1"
                 */
                "If-Match"?: string;
                /**
                 * @description `*`: only if it is not set
                 * @example *
                 */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
                /** @description The setting's name. */
                key: components["schemas"]["SettingKey"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewSetting"];
            };
        };
        responses: {
            /** @description The setting as it is now */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Setting"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            412: components["responses"]["VersionMismatch"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            428: components["responses"]["VersionRequired"];
            default: components["responses"]["Problem"];
        };
    };
    reset_setting: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The ETag of the setting that was read
                 * @example "1"
                 */
                "If-Match": string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
                /** @description The setting's name. */
                key: components["schemas"]["SettingKey"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The setting has its default */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["VersionMismatch"];
            422: components["responses"]["Invalid"];
            428: components["responses"]["VersionRequired"];
            default: components["responses"]["Problem"];
        };
    };
    list_users: {
        parameters: {
            query?: {
                /** @description Only users with this role. */
                role?: components["schemas"]["Role"];
                /** @description Only users in this state. */
                status?: components["schemas"]["UserStatus"];
                /** @description How many users to answer. */
                limit?: number;
                /** @description `next_cursor` of the page before, with the same filters. */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of users */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paged_User"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    get_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The user's id.
                 * @example user_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Problem"];
        };
    };
    change_user: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The ETag of the user that was read
                 * @example "1"
                 */
                "If-Match": string;
            };
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The user's id.
                 * @example user_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserChange"];
            };
        };
        responses: {
            /** @description The user as it is now */
            200: {
                headers: {
                    /** @description For If-Match */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description No seat is free, or it is the last administrator */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["VersionMismatch"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            428: components["responses"]["VersionRequired"];
            default: components["responses"]["Problem"];
        };
    };
    invite_user_again: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The user's id.
                 * @example user_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The new link */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvitationLink"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description The user has accepted already, or is disabled */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    revoke_invitation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The user's id.
                 * @example user_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoked */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description The user has accepted already, or is the last administrator */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    reset_user_password: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The hospital's id */
                org_id: string;
                /**
                 * @description The user's id.
                 * @example user_01jd8x2v9t6m3k5q7r1w4y0z8a
                 */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The link */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResetLink"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description The user has no password yet, or is disabled */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    list_organizations: {
        parameters: {
            query?: {
                /**
                 * @description Part of the hospital's name.
                 * @example mary
                 */
                q?: string;
                /** @description How many the page has at most. */
                limit?: number;
                /** @description `next_cursor` of the page before, with the same `q`. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of hospitals */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paged_DirectoryEntry"];
                };
            };
            /** @description The directory is switched off */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The search is too short */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    request_reset: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RequestReset"];
            };
        };
        responses: {
            /** @description If the account is there, a mail is on its way */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            /** @description Too many requests from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    complete_reset: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CompleteReset"];
            };
        };
        responses: {
            /** @description Set */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            408: components["responses"]["RequestTimeout"];
            /** @description The link was used, has expired or was replaced */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description The password is too easy to guess; the link can still be used */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    list_plans: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The catalogue */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plans"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    process_payment: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes the request repeatable: sent again with the same key and the same body within 24 hours, it has no second effect and gets the first answer again, also when that never arrived; what was refused, unless a card was declined, or is not decided yet (202) is looked at anew. 1 to 255 visible ASCII characters; where nobody is signed in at least 16, because whoever knows the key gets the answer. A UUID does well. Whether the key and the body can be taken and whether the sender may send this is decided anew each time, before the first answer is looked for: a repetition after the session has ended is answered 401. What was taken once is not refused later as too many requests. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProcessPayment"];
            };
        };
        responses: {
            /** @description Paid, and the hospital can be used */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentAnswer"];
                };
            };
            /** @description Paid and being made, or not decided yet */
            202: {
                headers: {
                    /** @description Where to see how far the hospital is */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentAnswer"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            /** @description The card was declined; `code` says why */
            402: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            /** @description The hospital is paid for, or another payment of it is under way */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description A field is not right, such as the amount */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many attempts to pay for this hospital */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    get_readiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description They can */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description They cannot (`not-ready`); `mongodb` and `kubernetes` say what answers */
            503: {
                headers: {
                    /** @description Seconds until it is worth asking again */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    list_roles: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The roles */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Roles"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    set_up_administrator: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetUpAdministrator"];
            };
        };
        responses: {
            /** @description Set and signed in */
            200: {
                headers: {
                    /** @description The session, for browsers */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            /** @description The hospital is not ready, or its administrator has a password already */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description The password is too easy to guess */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    sign_up: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes the request repeatable: sent again with the same key and the same body within 24 hours, it has no second effect and gets the first answer again, also when that never arrived; what was refused, unless a card was declined, or is not decided yet (202) is looked at anew. 1 to 255 visible ASCII characters; where nobody is signed in at least 16, because whoever knows the key gets the answer. A UUID does well. Whether the key and the body can be taken and whether the sender may send this is decided anew each time, before the first answer is looked for: a repetition after the session has ended is answered 401. What was taken once is not refused later as too many requests. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignupRequest"];
            };
        };
        responses: {
            /** @description Signed up; waits for the payment */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignupAnswer"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description The first request with this key is still under way */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description Fields are not right */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many signups from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not taken up yet: send the same again after `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    preview_database_name: {
        parameters: {
            query: {
                /**
                 * @description The hospital's name as somebody types it.
                 * @example St. Mary's Hospital
                 */
                organization_name: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The name that a sign-up would get now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NamePreview"];
                };
            };
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
    receive_stripe_event: {
        parameters: {
            query?: never;
            header?: {
                /** @description Time and signatures, as Stripe makes them */
                "Stripe-Signature"?: string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description The event, as Stripe sends it */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "data": {
                 *         "object": {
                 *           "id": "pi_3PxYzA",
                 *           "object": "payment_intent"
                 *         }
                 *       },
                 *       "id": "evt_1PxYzA",
                 *       "object": "event",
                 *       "type": "payment_intent.succeeded"
                 *     }
                 */
                "application/json": unknown;
            };
        };
        responses: {
            /** @description Taken */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventAnswer"];
                };
            };
            /** @description Not signed by Stripe, or not just now */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["Invalid"];
            default: components["responses"]["Problem"];
        };
    };
}
