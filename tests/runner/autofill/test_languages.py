"""Forms in languages other than English: protocol/autofill.md §3.1."""

from __future__ import annotations

import pytest

from konnector_runner.autofill import words
from konnector_runner.autofill.classify import classify
from konnector_runner.autofill.plan import PageKind, Refusal
from tests.runner.autofill.forms import field, frame, password, roles

# language: log in, user name, password, sign up, confirm the password, new password,
# current password, change the password, verification code
_SPOKEN = {
    "fr": (
        "Se connecter|Nom d’utilisateur|Mot de passe|Créer un compte"
        "|Confirmez le mot de passe|Nouveau mot de passe|Mot de passe actuel"
        "|Changer de mot de passe|Code de vérification"
    ),
    "de": (
        "Anmelden|Benutzername|Passwort|Konto erstellen|Passwort bestätigen"
        "|Neues Passwort|Aktuelles Passwort|Passwort ändern|Bestätigungscode"
    ),
    "es": (
        "Iniciar sesión|Nombre de usuario|Contraseña|Crear cuenta"
        "|Repetir contraseña|Nueva contraseña|Contraseña actual"
        "|Cambiar contraseña|Código de verificación"
    ),
    "pt": (
        "Entrar|Nome de usuário|Senha|Criar conta|Confirmar senha|Nova senha"
        "|Senha atual|Alterar senha|Código de verificação"
    ),
    "it": (
        "Accedi|Nome utente|Password|Registrati|Conferma password"
        "|Nuova password|Password attuale|Cambia password|Codice di verifica"
    ),
    "nl": (
        "Inloggen|Gebruikersnaam|Wachtwoord|Account aanmaken"
        "|Herhaal wachtwoord|Nieuw wachtwoord|Huidig wachtwoord"
        "|Wachtwoord wijzigen|Verificatiecode"
    ),
    "pl": (
        "Zaloguj się|Nazwa użytkownika|Hasło|Załóż konto|Powtórz hasło"
        "|Nowe hasło|Obecne hasło|Zmień hasło|Kod weryfikacyjny"
    ),
    "ru": (
        "Войти|Имя пользователя|Пароль|Зарегистрироваться|Повторите пароль"
        "|Новый пароль|Текущий пароль|Изменить пароль|Код подтверждения"
    ),
    "tr": (
        "Giriş yap|Kullanıcı adı|Şifre|Kayıt ol|Şifre tekrar|Yeni şifre"
        "|Mevcut şifre|Şifre değiştir|Doğrulama kodu"
    ),
    "ja": (
        "ログイン|ユーザー名|パスワード|新規登録|パスワード（確認）|新しいパスワード"
        "|現在のパスワード|パスワードを変更|認証コード"
    ),
    "ko": (
        "로그인|아이디|비밀번호|회원가입|비밀번호 확인|새 비밀번호|현재 비밀번호"
        "|비밀번호 변경|인증번호"
    ),
    "zh": ("登录|用户名|密码|注册|确认密码|新密码|当前密码|修改密码|验证码"),
    "ar": (
        "تسجيل الدخول|اسم المستخدم|كلمة المرور|إنشاء حساب|تأكيد كلمة المرور"
        "|كلمة المرور الجديدة|كلمة المرور الحالية|تغيير كلمة المرور|رمز التحقق"
    ),
    "sv": (
        "Logga in|Användarnamn|Lösenord|Skapa konto|Bekräfta lösenord"
        "|Nytt lösenord|Nuvarande lösenord|Ändra lösenord|Verifieringskod"
    ),
    "uk": (
        "Увійти|Ім’я користувача|Пароль|Зареєструватися|Повторіть пароль"
        "|Новий пароль|Поточний пароль|Змінити пароль|Код підтвердження"
    ),
    "cs": (
        "Přihlásit se|Uživatelské jméno|Heslo|Registrace|Potvrďte heslo"
        "|Nové heslo|Stávající heslo|Změnit heslo|Ověřovací kód"
    ),
    "he": (
        "כניסה|שם משתמש|סיסמה|הרשמה|אימות סיסמה|סיסמה חדשה|סיסמה נוכחית"
        "|שינוי סיסמה|קוד אימות"
    ),
}
_LANGUAGES = {name: spoken.split("|") for name, spoken in _SPOKEN.items()}


@pytest.mark.parametrize("language", _LANGUAGES)
def test_forms_are_understood_in_each_language(language: str) -> None:
    """By what a person reads alone: names of fields say nothing here."""
    login, user, secret, join, again, new, current, change, code = _LANGUAGES[language]

    plan = classify(
        frame(field("a", label=user), password("b", label=secret), submits=(login,))
    )
    assert plan.kind is PageKind.LOGIN

    plan = classify(
        frame(
            field("a", label=user),
            password("b", label=secret),
            password("c", label=again),
            headings=(join,),
            submits=(join,),
        )
    )
    assert plan.refusal is Refusal.SIGN_UP

    plan = classify(
        frame(field("a", label=user), password("b", label=secret), submits=(join,))
    )
    assert plan.refusal is Refusal.SIGN_UP

    plan = classify(
        frame(
            password("a", label=current),
            password("b", label=new),
            password("c", label=again),
            headings=(change,),
        )
    )
    assert roles(plan) == {"current-password": (0,), "new-password": (1, 2)}

    plan = classify(frame(field("a", "tel", label=code), headings=(login,)))
    assert roles(plan) == {"one-time-code": (0,)}


def test_accents_and_widths_make_no_difference() -> None:
    """What people type without accents, and in wide letters, is the same word."""
    for text in ("Iniciar sesión", "INICIAR SESION", "Ｌｏｇ ｉｎ", "GİRİŞ YAP"):
        assert words.LOGIN.search(words.plain(text)), text


def test_questions_speak_where_words_do_not() -> None:
    """A form that asks for much is no login, in whatever language it asks."""
    many = [field(f"f{n}", label="ⴰⵣⵓⵍ") for n in range(6)]

    plan = classify(frame(*many, password("p", label="ⵜⴰⴳⵓⵔⵉ")))

    assert plan.refusal is Refusal.SIGN_UP


def test_two_passwords_need_a_reason() -> None:
    """One and its repetition look like an old and a new one; silence is a reason."""
    two = (field("a"), password("b"), password("c"))

    assert classify(frame(*two, submits=("ⴰⵣⵏ",))).refusal is Refusal.SIGN_UP
    assert roles(classify(frame(*two)))["current-password"] == (1,)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_parts_of_a_number_are_no_password(length: int) -> None:
    """Three unseen digits are a card's or a person's, whatever language says so."""
    fields = [password(f"p{n}", max_length=length, label="ⴰⵣⵓⵍ") for n in range(2)]

    assert classify(frame(*fields)).refusal is Refusal.NO_FIELD
