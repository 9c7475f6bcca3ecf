"""The words that people and developers put on forms, in many languages.

General vocabulary only: no site and no page is named here. Words are matched in
text made plain by `plain`: lower case, without accents, camelCase and punctuation
taken apart. English and what developers write is here; the other languages are in
vocabulary.toml, by the name of the pattern.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[\W_]+")
# Letters that are no letter with an accent to Unicode, and are one to people.
_LETTERS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "æ": "ae", "ß": "ss"})
_INSIDE = "~"


def _fold(text: str) -> str:
    """Return *text* in lower case and without accents, in every script alike."""
    apart = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    return "".join(c for c in apart if not unicodedata.combining(c))


@cache
def plain(text: str) -> str:
    """Return *text* as words in lower case with a space around each."""
    return f" {_NOT_WORD.sub(' ', _fold(_CAMEL.sub(' ', text))).strip()} "


_OTHER_LANGUAGES: dict[str, dict[str, str]] = tomllib.loads(
    files("konnector_runner.autofill").joinpath("vocabulary.toml").read_text("utf-8")
)


def _words(spaced: str, anywhere: str = "", *, also: str = "") -> re.Pattern[str]:
    """Match any of the *spaced* words whole, any of *anywhere* inside a word.

    A word that ends in * may go on; a space in a phrase may be missing. *also* is
    the subject in vocabulary.toml that belongs to them.
    """
    for text in _OTHER_LANGUAGES.get(also, {}).values():
        if text.startswith(_INSIDE):
            anywhere += f"|{text[1:]}"
        else:
            spaced += f"|{text}"
    whole = [
        re.escape(w).replace(r"\ ", " ?").replace(r"\*", r"\w*") for w in _each(spaced)
    ]
    inside = [re.escape(w) for w in _each(anywhere)]
    return re.compile("|".join([rf"(?<= )(?:{'|'.join(whole)})(?= )", *inside]))


def _each(words: str) -> list[str]:
    """Return the words, longest first: a phrase before the word that begins it."""
    found = {_fold(part).strip() for part in words.split("|")} - {""}
    return sorted(found, key=lambda word: (-len(word), word))


LOGIN = _words(
    "log in|login*|logon|log on|sign in|signin*|signon|sign on|authenticat*"
    "|welcome back|unlock|se connecter|connexion|connectez vous"
    "|identifiez vous|s identifier"
    "|anmeld*|einloggen|iniciar sesion|iniciar sesión|inicia sesion|inicia sesión"
    "|inicio de sesión|inicio de sesion|ingresar|accede|acceder|acceso|accedi|accesso"
    "|entrar|acessar|iniciar sessão|inloggen|aanmelden|logga in|logg inn|log ind"
    "|kirjaudu|zaloguj*|logowanie|přihlás*|prihlas*|bejelentkez*|autentificare"
    "|conectare|войти|вход|авторизац*|увійти|вхід|giriş*|oturum aç|đăng nhập|masuk",
    "ログイン|サインイン|로그인|登录|登入|登錄|ورود|تسجيل الدخول|כניסה|התחבר|เข้าสู่ระบบ",
    also="login",
)
SIGN_UP = _words(
    "sign up|signup*|register|registration|registering|registr*|create account"
    "|create an account|create a new account|create my account|create your account"
    "|create new account|createaccount|new account|open an account|join|join now"
    "|join us|join free|subscribe now|become a member|enroll|enrol|enrollment"
    "|get started|start free|free trial|new customer|new user|inscription|s inscrire"
    "|inscrivez vous|créer un compte|creer un compte|créer mon compte|registrieren"
    "|registrierung|konto erstellen|konto anlegen|regístrate|registrate|registrarse"
    "|registro|crear cuenta|crear una cuenta|registrati|iscriviti|crea account"
    "|crea un account|cadastr*|criar conta|criar uma conta|registreer|registreren"
    "|account aanmaken|opprett konto|skapa konto|zarejestruj|rejestracja|załóż konto"
    "|zaregistr*|vytvořit účet|regisztr*|зарегистрир*|регистрац*|создать аккаунт"
    "|реєстрац*|зареєстр*|kaydol|üye ol|đăng ký|daftar",
    "新規登録|会員登録|アカウント作成|회원가입|注册|註冊|ثبت نام|إنشاء حساب|הרשמה|สมัคร",
    also="sign_up",
)
SEARCH = _words(
    "search*|find|query|q|lookup|recherch*|suche*|suchen|buscar|busca|búsqueda|cerca"
    "|ricerca|pesquis*|zoek*|sök*|szukaj|hledat|поиск|пошук|ara|keyword*|filter",
    "検索|검색|搜索|搜尋",
    also="search",
)
NEWSLETTER = _words(
    "newsletter*|news letter|mailing list|mailing|subscribe|subscription|subscriber"
    "|updates|stay informed|stay in touch|stay in the loop|stay up to date|briefing"
    "|stay connected|keep in touch|email list|notify me|notified|waitlist|wait list"
    "|early access|mailchimp|klaviyo|offers|promotions|deals|discount|digest|suscríbete"
    "|suscribirse|abonnez vous|s abonner|abonnieren|iscrizione newsletter|boletín"
    "|infolettre|рассылк*|подпис*|inbox",
    "ニュースレター|メルマガ|뉴스레터|订阅|訂閱",
    also="newsletter",
)
FORGOT = _words(
    "forgot|forgotten|forget|recover*|reset|lost password|lost your password"
    "|retrieve|remind*|trouble|oublié|mot de passe oublié|vergessen|olvidé|olvidaste"
    "|olvidado|dimenticat*|esqueci|esqueceu|vergeten|glömt|zapomn*|забыл*|unuttum"
    "|restore|find account|find your account",
    "忘れ|찾기|忘记|忘記|فراموش",
    also="forgot",
)
CHANGE = _words(
    "change password|change your password|update password|edit password"
    "|password change|change pass|new password|modify password|changer de mot de passe"
    "|changer le mot de passe|passwort ändern|kennwort ändern|cambiar contraseña"
    "|cambia password|alterar senha|wachtwoord wijzigen|zmień hasło|změnit heslo"
    "|изменить пароль|сменить пароль|changepassword|passwordchange",
    "パスワード変更|パスワードの変更|비밀번호 변경|修改密码|變更密碼",
    also="change",
)
CURRENT = _words(
    "current|old|oldpassword|existing|present|previous|actuel|ancien|aktuelles|altes"
    "|bisheriges|actual|cur|curr|curpass|currpass|oldpwd|oldpasswd|currentpwd"
    "|antigua|attuale|vecchia|atual|antiga|huidig|oud|nuvarande"
    "|obecne|stare|stávající|současné|staré|текущий|старый|currentpassword|currentpass"
    "|oldpass",
    "現在の|현재|当前|目前|旧密码",
    also="current",
)
NEW = _words(
    "new|newpassword|newpass|create|choose|set|nouveau|neues|nueva|nuevo|nuova"
    "|nova|nieuw|nytt|nowe|nové|новый|newpwd|pick a",
    "新しい|새 |新密码|新密碼",
    also="new",
)
CONFIRM = _words(
    "confirm*|repeat*|retype|re type|re enter|reenter|again|verify|verification"
    "|rpt|repass*|second|twice|password2|password 2|pass2|passwd2|pwd2"
    "|confirmer|confirmez|bestätig*|wiederhol*|confirma*|repet*|repit*|conferma"
    "|ripeti|bevestig*|herhaal|bekräfta|potwierdź|powtórz|potvr*|подтверд*|повтор*"
    "|tekrar*",
    "確認|확인|确认|確認|再入力",
    also="confirm",
)
REMEMBER = _words(
    "remember*|keep me|stay signed in|stay logged in|keep logged|persist*|rememberme"
    "|se souvenir|rester connecté|angemeldet bleiben|eingeloggt bleiben|merken"
    "|recordar*|recuérdame|mantener*|ricordami|resta collegato|lembrar|manter|onthoud"
    "|ingelogd blijven|zapamiętaj|zapamatovat|запомни*|trust this|public computer"
    "|foreign computer|чужой компьютер|beni hatırla",
    "ログイン状態|記憶|保存|로그인 유지|记住|記住|自动登录",
    also="remember",
)
TERMS = _words(
    "terms|agree*|accept|consent|privacy|policy|conditions|tos|gdpr|marketing"
    "|newsletter|promotional|i am over|years old|opt in|optin|cgu|einwillig*|agb"
    "|datenschutz|acepto|aceito|accetto|akkoord|согла*",
    "利用規約|同意|약관",
)
PERSON = _words(
    "first name|firstname|fname|last name|lastname|lname|surname|full name|fullname"
    "|given name|family name|your name|real name|display name|nickname|birth*|dob"
    "|bday|gender|sex|phone number|mobile number|phone|telephone|mobile|company"
    "|organization|organisation|job title|country|city|state|zip|postal|postcode"
    "|zipcode|address|street|age|middle name|suffix|occupation|industry|school"
    "|prénom|nom de famille|vorname|nachname|nombre|apellido*|nome|cognome|sobrenome"
    "|имя|фамилия",
    "氏名|姓名|お名前|生年月日",
    also="person",
)
USER = _words(
    "user*|login*|email*|e mail|mail|account*|member*|customer*|logon|signin"
    "|identifier|identifiant*|userid|uid|uname|nick*|handle|phone|mobile|client*"
    "|benutzer*|nutzer*|kunden*|kennung|usuario|correo|cuenta|utente|utilizador"
    "|usuário|gebruiker*|användar*|użytkownik*|uživatel*|логин|пользователь|почта"
    "|email|konto|card number|id|cédula|dni|rut|cpf|nif",
    "ユーザー|メール|会員|アカウント|ログインid|아이디|이메일|用户|帐号|账号|帳號|手机|邮箱|"
    "نام کاربری|ایمیل",
    also="user",
)
# A name that only one who has an account can have: no newsletter asks for it.
USER_NAME = _words(
    "user name|username|user id|userid|login|login id|login name|loginid|member id"
    "|customer id|customer number|member number|benutzername|nutzername|kundennummer"
    "|nom d utilisateur|identifiant|nombre de usuario|usuario|nome utente"
    "|nome de usuário|gebruikersnaam|användarnamn|nazwa użytkownika"
    "|uživatelské jméno|логин|имя пользователя",
    "ユーザー名|会員番号|아이디|用户名|账号|帳號|نام کاربری",
    also="user_name",
)
CODE = _words(
    "otp*|totp|2fa|mfa|one time*|onetime*|passcode|verification code"
    "|verificationcode|verification|verify code|auth code|authcode|security code"
    "|authentication code|authenticator|confirmation code|access code|confirm code"
    "|login code|sign in code|sms code|sms|two factor|twofactor|two step|twostep"
    "|second factor|tfa|otc|digit code|6 digit|six digit|code verification"
    "|code de vérification|code de sécurité|code de confirmation|bestätigungscode"
    "|sicherheitscode|código de verificación|código de seguridad|codice di verifica"
    "|código de verificação|verificatiecode|kod weryfikacyjny|code sent"
    "|enter the code|enter code|vcode|verifycode|pin code|code you received|code given",
    "認証コード|確認コード|ワンタイム|인증|验证码|驗證碼",
    also="code",
)
BARE_CODE = _words(
    "code|pin|passcode|token|código|codigo|codice|kod|kód|код",
    also="bare_code",
)
NOT_CODE = _words(
    "promo*|coupon*|voucher*|gift*|discount*|zip*|postal|postcode|post code|country"
    "|area code|dial*|invite|invitation|invit*|referral|refer*|product|order|sort code"
    "|routing|swift|iban|bank code|encode*|decode*|source code|barcode|qr|tracking"
    "|card|cvc|cvv|csc|cc|credit|debit|language|currency|region|campaign|claim"
    "|reservation|booking|company code|school code|class code|course|captcha"
    "|expir*|insee|nip|tax|vat|student|employee|backup email|recovery email|phone"
    "|mobile|access_token|csrf*|xsrf*|authenticity|search",
    "クーポン|优惠",
)
PAYMENT = _words(
    "cvc*|cvv*|csc|cvn|ccv|cc|card number|cardnumber|credit*|debit*|card code"
    "|cardcode|card security|security code|cc csc|cccsc|ccnum|cc number|ssn"
    "|social security|sin|iban|routing|account number|card verification|expir*"
    "|name on card|cardholder|kartennummer|numéro de carte|número de tarjeta",
    "クレジット|セキュリティコード",
    also="payment",
)
# What a form tells someone who thinks up a password.
ADVICE = re.compile(
    r" (at least|minimum|min|mindestens|au moins|al menos|almeno|pelo menos) \d"
    r"| \d+ (or more )?(characters|caracteres|caractères|zeichen|caratteri) "
    r"| (upper ?case|lower ?case|special character|one number|password strength) "
)
LEAVE_EMPTY = re.compile(
    " (leave|keep) (this )?(field )?(blank|empty) | (do not|don t) fill "
)
CAPTCHA = _words(
    "captcha*|recaptcha|security check|characters|vcode image", "画像|图形"
)
TRAP = _words("honeypot|honey|hp|bot|trap|leave blank|leave this blank|leave empty")
