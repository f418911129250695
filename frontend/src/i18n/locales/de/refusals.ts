/**
 * What the API says of a field, which is English alone and has no code, and how it is said here; `{…}` stands for whatever
 * the API fills in. The first that fits is taken, so the more special one comes first.
 */
const refusals: readonly (readonly [api: string, here: string])[] = [
  ["is required", "Bitte ausfüllen."],
  ["must have 1 to {most} characters", "Bitte 1 bis {most} Zeichen eingeben."],
  [
    "must have at least {least} characters; a few words that do not belong together are good",
    "Bitte mindestens {least} Zeichen verwenden; gut sind ein paar Wörter, die nicht zusammengehören.",
  ],
  [
    "must have at most {most} characters: shorten the hospital's name",
    "Bitte höchstens {most} Zeichen verwenden: Kürzen Sie den Namen des Krankenhauses.",
  ],
  [
    "must have at most {most} characters and no control characters",
    "Bitte höchstens {most} Zeichen verwenden, keine Steuerzeichen.",
  ],
  ["must have at most {most} characters", "Bitte höchstens {most} Zeichen verwenden."],
  ["must have at most {most} bytes", "Das ist zu lang."],
  ["must have at most {most} entries", "Bitte höchstens {most} Einträge angeben."],
  ["length is greater than {most}", "Bitte höchstens {most} Zeichen verwenden."],
  ["length is lower than {least}", "Bitte mindestens {least} Zeichen verwenden."],
  ["greater than {most}", "Darf höchstens {most} sein."],
  ["lower than {least}", "Muss mindestens {least} sein."],
  ["must not be empty: write the hospital's name", "Bitte den Namen des Krankenhauses eingeben."],
  ["must not contain control characters{rest}", "Das enthält Zeichen, die hier nicht gehen: Entfernen Sie sie."],
  [
    "must be an e-mail address such as {example}",
    "Bitte eine E-Mail-Adresse wie name@example.com eingeben, mit höchstens 254 Zeichen.",
  ],
  ["must be a telephone number such as {example}", "Bitte eine Telefonnummer wie +1-555-0100 eingeben."],
  ["must be a day of the calendar such as {example}", "Bitte einen Tag eingeben, den es im Kalender gibt."],
  ["must be a time of the day such as {example}", "Bitte eine Uhrzeit wie 09:30 eingeben."],
  ["must be a time of RFC 3339 {example}", "Bitte einen Zeitpunkt angeben."],
  ["must be the IANA name of a time zone{example}", "Bitte eine Zeitzone wie Europe/Berlin wählen."],
  ["must be a language of BCP 47{example}", "Bitte eine Sprache wählen."],
  [
    "must be at most {most} times that end after they begin, in order and apart from each other",
    "Bitte höchstens {most} Zeiten angeben: jede endet nach ihrem Beginn, der Reihe nach und ohne Überschneidung.",
  ],
  ["must be one of {words}", "Bitte wählen: {words}."],
  ["must not be in the future", "Darf nicht in der Zukunft liegen."],
  ["is taken", "Ist schon vergeben."],
  ["is the number of another patient", "Ist die Nummer eines anderen Patienten."],
  ["is the address of another user", "Ist schon die Adresse von jemand anderem."],
  ["must be the id of one of the hospital's patients", "Bitte einen Patienten wählen, der hier aufgenommen ist."],
  ["must be the user_id of a doctor who is active", "Bitte eine Ärztin oder einen Arzt wählen, die hier arbeiten."],
  ["must be later than starts_at", "Muss nach dem Beginn liegen."],
  ["must be at most {hours} hours after starts_at", "Darf höchstens {hours} Stunden nach dem Beginn liegen."],
  ["is needed together with {other}", "Bitte beide Blutdruckwerte eingeben."],
  ["must be above diastolic_mmhg", "Muss über dem diastolischen Wert liegen."],
  ["must have at least one measurement", "Bitte mindestens einen Wert eingeben."],
  ["must be above 0 for this reason", "Muss bei diesem Grund über 0 liegen."],
  ["must be below 0 for this reason", "Muss bei diesem Grund unter 0 liegen."],
  ["must not be 0", "Darf nicht 0 sein."],
  ["must leave at most {most}", "Danach dürfen höchstens {most} da sein."],
  ["is not right", "Stimmt nicht."],
  ["must not contain your e-mail address", "Darf Ihre E-Mail-Adresse nicht enthalten."],
  ["must not contain the hospital's name", "Darf den Namen des Krankenhauses nicht enthalten."],
  [
    "is too easy to guess{why}ake a few words that do not belong together",
    "Ist zu leicht zu erraten. Nehmen Sie ein paar Wörter, die nicht zusammengehören.",
  ],
  ["must be the 12 to 19 digits of a card number{rest}", "Bitte die 12 bis 19 Ziffern der Kartennummer eingeben."],
  [
    "is not a card number: a digit is wrong or two have changed places",
    "Das ist keine Kartennummer: Eine Ziffer ist falsch, oder zwei sind vertauscht.",
  ],
  ["must be a string of three or four digits", "Bitte die drei oder vier Ziffern der Prüfnummer eingeben."],
  ["must be month and year, such as {example}", "Bitte Monat und Jahr eingeben, etwa 12/30."],
  ["is past: use another card", "Die Karte ist abgelaufen. Nehmen Sie eine andere."],
  [
    "only the test numbers are accepted{rest}",
    "Hier gelten nur Testnummern wie 4242 4242 4242 4242: Geben Sie nie eine echte Karte ein.",
  ],
  [
    "The card was declined. Use another card, or ask your bank why.",
    "Die Karte wurde abgelehnt. Nehmen Sie eine andere, oder fragen Sie Ihre Bank.",
  ],
  ["The card has not enough funds. Use another card.", "Auf der Karte ist nicht genug Geld. Nehmen Sie eine andere."],
  ["The card has expired. Use another card.", "Die Karte ist abgelaufen. Nehmen Sie eine andere."],
  [
    "The card's security code is not right. Check it and try again.",
    "Die Prüfnummer stimmt nicht. Prüfen Sie sie, und versuchen Sie es noch einmal.",
  ],
  [
    "The card could not be processed. Try again in a moment, or use another card.",
    "Die Karte konnte nicht verarbeitet werden. Versuchen Sie es gleich noch einmal, oder nehmen Sie eine andere.",
  ],
  [
    "The card's owner could not be confirmed. Try again, or use another card.",
    "Wem die Karte gehört, konnte nicht bestätigt werden. Versuchen Sie es noch einmal, oder nehmen Sie eine andere.",
  ],
  [
    "The payment was interrupted before anything was charged. Try again.",
    "Die Zahlung wurde unterbrochen; abgebucht ist nichts. Versuchen Sie es noch einmal.",
  ],
  [
    "The payment was cancelled before anything was charged. Try again.",
    "Die Zahlung wurde abgebrochen; abgebucht ist nichts. Versuchen Sie es noch einmal.",
  ],
  [
    "must be {amount}: that is the price of the plan {plan}",
    "Der Preis des Tarifs {plan} ist jetzt {amount}. Laden Sie die Seite neu.",
  ],
  ["is {right} for this plan", "Der Tarif hat sich geändert. Laden Sie die Seite neu."],
];

export default refusals;
