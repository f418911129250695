import type { Guesses, PaymentAdvice, Refusals } from "../../refusal-words";

const advice: PaymentAdvice = {
  card_declined: "Die Karte wurde abgelehnt. Nehmen Sie eine andere, oder fragen Sie Ihre Bank.",
  insufficient_funds: "Auf der Karte ist nicht genug Geld. Nehmen Sie eine andere.",
  expired_card: "Die Karte ist abgelaufen. Nehmen Sie eine andere.",
  incorrect_cvc: "Die Prüfnummer stimmt nicht. Prüfen Sie sie, und versuchen Sie es noch einmal.",
  processing_error:
    "Die Karte konnte nicht verarbeitet werden. Versuchen Sie es gleich noch einmal, oder nehmen Sie eine andere.",
  authentication_failed:
    "Wem die Karte gehört, konnte nicht bestätigt werden. Versuchen Sie es noch einmal, oder nehmen Sie eine andere.",
  interrupted: "Die Zahlung wurde unterbrochen; abgebucht ist nichts. Versuchen Sie es noch einmal.",
  canceled: "Die Zahlung wurde abgebrochen; abgebucht ist nichts. Versuchen Sie es noch einmal.",
};

const guesses: Guesses = {
  common: "So oder ähnlich lauten viele Passwörter.",
  keyboard: "Tasten, die nebeneinander liegen, werden zuerst probiert.",
  repetition: "Wiederholung hilft nicht.",
  sequence: "Folgen wie abcdef werden zuerst probiert.",
  date: "Jahre und Daten werden zuerst probiert.",
  word: "Ein einzelnes Wort wird zuerst probiert.",
  name: "Namen werden zuerst probiert.",
  weak: "Seine Teile werden zuerst probiert.",
};

/** What the API says of numbers, in English; any other type is put together by a program, not by a person. */
const numbers: Record<string, string> = {
  "a number": "Bitte eine Zahl eingeben.",
  "a whole number": "Bitte eine ganze Zahl eingeben.",
  "a number that is not so large": "Bitte eine kleinere Zahl eingeben.",
};

const refusals: Refusals = {
  required: "Bitte ausfüllen.",
  too_short: ({ min }, number) => `Bitte mindestens ${number(min)} Zeichen verwenden.`,
  too_long: ({ max }, number) => `Bitte höchstens ${number(max)} Zeichen verwenden.`,
  wrong_length: ({ min, max }, number) => `Bitte ${number(min)} bis ${number(max)} Zeichen eingeben.`,
  too_many: ({ max }, number) => `Bitte höchstens ${number(max)} Einträge angeben.`,
  too_small: ({ min }, number) => `Muss mindestens ${number(min)} sein.`,
  too_large: ({ max }, number) => `Darf höchstens ${number(max)} sein.`,
  not_one_of: ({ allowed }) => `Bitte wählen: ${allowed.join(", ")}.`,
  wrong_type: ({ expected }) => numbers[expected] ?? "Das kann hier nicht stehen.",
  unknown_field: "Dieses Feld gibt es nicht mehr. Laden Sie die Seite neu.",
  has_unknown_field: "Ein Feld davon gibt es nicht mehr. Laden Sie die Seite neu.",
  duplicate: "Das wurde doppelt gesendet. Laden Sie die Seite neu.",
  needed_with: "Beide Werte werden zusammen benötigt.",
  not_beside: "Nur eines von beiden kann verwendet werden.",
  control_characters: "Das enthält Zeichen, die hier nicht gehen: Entfernen Sie sie.",
  invalid_email: "Bitte eine E-Mail-Adresse wie name@example.com eingeben, mit höchstens 254 Zeichen.",
  invalid_phone: "Bitte eine Telefonnummer wie +49 30 5550100 eingeben.",
  invalid_date: "Bitte einen Tag eingeben, den es im Kalender gibt.",
  invalid_time_of_day: "Bitte eine Uhrzeit wie 09:30 eingeben.",
  invalid_timestamp: "Bitte Tag und Uhrzeit angeben.",
  too_late: "Bitte einen früheren Zeitpunkt wählen.",
  invalid_time_zone: "Bitte eine Zeitzone wie Europe/Berlin wählen.",
  invalid_language: "Bitte eine Sprache wählen.",
  invalid_opening_hours: ({ max }, number) =>
    `Bitte höchstens ${number(max)} Zeiten angeben: jede endet nach ihrem Beginn, der Reihe nach und ohne Überschneidung.`,
  invalid_cursor: "Die Liste hat sich geändert. Laden Sie die Seite neu.",
  invalid_etag: "Die Fassung des Eintrags ist nicht bekannt. Laden Sie die Seite neu.",
  too_few_letters: ({ min }, number) =>
    `Bitte mindestens ${number(min)} Buchstaben vom Namen des Krankenhauses eingeben.`,
  in_future: "Darf nicht in der Zukunft liegen.",
  taken: "Ist schon vergeben.",
  unknown_patient: "Bitte einen Patienten wählen, der hier aufgenommen ist.",
  unknown_doctor: "Bitte eine Ärztin oder einen Arzt wählen, die hier arbeiten.",
  ends_too_early: "Muss nach dem Beginn liegen.",
  ends_too_late: ({ hours }, number) => `Darf höchstens ${number(hours)} Stunden nach dem Beginn liegen.`,
  systolic_too_low: "Muss über dem diastolischen Wert liegen.",
  no_measurement: "Bitte mindestens einen Wert eingeben.",
  not_positive: "Muss bei diesem Grund über 0 liegen.",
  not_negative: "Muss bei diesem Grund unter 0 liegen.",
  zero: "Darf nicht 0 sein.",
  stock_too_high: ({ max }, number) => `Danach dürfen höchstens ${number(max)} da sein.`,
  wrong_password: "Stimmt nicht.",
  password_too_short: ({ min }, number) =>
    `Bitte mindestens ${number(min)} Zeichen verwenden; gut sind ein paar Wörter, die nicht zusammengehören.`,
  contains_email: "Darf Ihre E-Mail-Adresse nicht enthalten.",
  contains_hospital: "Darf den Namen des Krankenhauses nicht enthalten.",
  too_guessable: ({ why }) =>
    `Ist zu leicht zu erraten. ${guesses[why]} Nehmen Sie ein paar Wörter, die nicht zusammengehören.`,
  invalid_card_number: "Bitte die 12 bis 19 Ziffern der Kartennummer eingeben.",
  card_number_mistyped: "Das ist keine Kartennummer: Eine Ziffer ist falsch, oder zwei sind vertauscht.",
  invalid_card_code: "Bitte die drei oder vier Ziffern der Prüfnummer eingeben.",
  invalid_card_expiry: "Bitte Monat und Jahr eingeben, etwa 12/30.",
  card_expired: "Die Karte ist abgelaufen. Nehmen Sie eine andere.",
  not_a_test_card: "Hier gelten nur Testnummern wie 4242 4242 4242 4242: Geben Sie nie eine echte Karte ein.",
  card_not_taken: "Karten werden im Formular des Zahlungsanbieters eingegeben. Laden Sie die Seite neu.",
  payment_method_not_taken: "So kann hier nicht gezahlt werden. Laden Sie die Seite neu.",
  payment_failed: ({ failure }) => advice[failure],
  wrong_price: ({ price, plan }, number) => `Der Tarif ${plan} kostet jetzt ${number(price)}. Laden Sie die Seite neu.`,
  not_as_in_catalogue: "Der Tarif hat sich geändert. Laden Sie die Seite neu.",
  invalid: ({ detail }) => detail,
};

export default refusals;
