package filter

import "strings"

// nameClass says what the name before a value promises about it.
type nameClass uint8

const (
	nameNone  nameClass = iota
	nameQuery           // key, code: a secret only in a URL query and when it looks like one
	nameWeak            // auth, sid, signature: a secret only when it looks like one
	nameToken
	namePin // short and numeric
	namePassword
	nameAuthorization // a scheme follows
	nameCookie        // pairs follow
	namePhrase        // words follow
)

// maxName bounds the bytes of a name that are looked at, from its end.
const maxName = 48

// splitName lowers a name into words: camelCase, snake_case, kebab-case,
// dotted and spaced alike. Words beyond the last four are dropped.
func splitName(name string, buf *[maxName]byte) (words [4]string, n int) {
	if len(name) > maxName {
		name = name[len(name)-maxName:]
	}
	start, changed := -1, false
	emit := func(end int) {
		if start < 0 {
			return
		}
		if n == len(words) {
			copy(words[:], words[1:])
			n--
		}
		if words[n] = name[start:end]; changed {
			words[n] = string(buf[start:end])
		}
		n++
		start, changed = -1, false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		isUpper := c >= 'A' && c <= 'Z'
		switch {
		case isUpper || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80:
			if isUpper && start >= 0 {
				p := name[i-1]
				follows := i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z'
				if p >= 'a' && p <= 'z' || p >= '0' && p <= '9' || p >= 'A' && p <= 'Z' && follows {
					emit(i)
				}
			}
			if start < 0 {
				start = i
			}
			if isUpper {
				c += 'a' - 'A'
				changed = true
			}
			buf[i] = c
		default:
			emit(i)
		}
	}
	emit(len(name))
	if n > 0 && words[n-1][0] >= 0x80 || n > 0 && words[n-1][len(words[n-1])-1] >= 0x80 {
		words[n-1] = strings.ToLower(words[n-1])
	}
	return words, n
}

// qualifiers may follow a credential's name without changing what it is.
var qualifiers = [...]string{"prod", "production", "dev", "test", "staging", "stage", "live", "old", "new", "current", "previous", "prev",
	"primary", "secondary", "backup", "base", "base64", "b64", "value", "val", "str", "string", "raw", "plain", "plaintext", "v1", "v2", "v3", "a", "b"}

func isQualifier(w string) bool {
	for _, q := range qualifiers {
		if w == q {
			return true
		}
	}
	return strings.Trim(w, "0123456789") == ""
}

var passwordWords = [...]string{"password", "passwd", "passwort", "passphrase", "pwd", "passcode", "kennwort", "passwords",
	"contraseña", "contrasena", "clave", "senha", "passe", "motdepasse", "parola", "hasło", "haslo", "heslo",
	"lösenord", "adgangskode", "passord", "salasana", "jelszó", "şifre", "sifre", "parola", "wachtwoord", "requirepass", "masterauth", "masterpass", "kodeord", "contrasenya", "parool", "slaptažodis", "parole", "geslo", "lozinka", "sandi", "salasõna"}

// passwordEnds and tokenEnds end the names that they are: a compound, or a
// script without spaces.
var passwordEnds = [...]string{"password", "passwd", "passwort", "passphrase", "pwd", "kennwort", "losenord", "storepass", "keypass", "userpass", "dbpass", "rootpw", "adminpw", "dbpw", "userpw", "bindpw", "passin", "passout", "пароль", "пароля", "密码", "密碼", "口令", "パスワード", "暗証番号", "비밀번호", "암호", "السر", "المرور", "पासवर्ड", "סיסמה", "סיסמא", "κωδικός", "รหัสผ่าน", "khẩu"}

var tokenEnds = [...]string{"token", "secret", "apikey", "accesskey", "secretkey", "privatekey", "authkey", "signingkey", "schlüssel", "密钥", "密鑰", "金鑰", "令牌", "トークン", "秘密鍵", "apiキー", "api키", "토큰", "токен"}

// keyWords are "key" in other languages.
var keyWords = [...]string{"clé", "clave", "chiave", "chave", "klucz", "ключ", "sleutel", "nyckel", "anahtar", "anahtarı", "キー", "키"}

var keyMeans = [...]string{"api", "secrète", "secreta", "segreta", "privée", "privada", "privata", "accès", "acceso", "accesso", "acesso", "tajny", "prywatny", "dostępu", "gizli", "секретный", "приватный", "доступа"}

// keyBefore are the words that make a following "key" a credential.
var keyBefore = [...]string{"api", "access", "secret", "private", "signing", "encryption", "master", "account", "auth", "app", "application",
	"service", "user", "license", "licence", "client", "webhook", "deploy", "admin", "storage", "subscription", "shared", "hmac", "jwt", "bot",
	"integration", "write", "encrypt", "decryption", "pre", "preshared", "psk", "authentication", "functions", "anon", "role", "ingest", "ingestion",
	"anthropic", "openai", "gemini", "groq", "mistral", "brave", "tavily", "perplexity", "deepseek", "xai"}

// codeBefore are the words that make a following "code" a one-time password.
var codeBefore = [...]string{"verification", "security", "otp", "2fa", "mfa", "login", "backup", "recovery", "sms", "authentication", "confirmation", "authenticator"}

// tokenBefore are the words that make a following "token" something else.
var tokenBefore = [...]string{"page", "next", "continuation", "sync", "cancellation", "cancel", "eos", "bos", "pad", "unk", "stop", "max", "per",
	"skip", "start", "end", "special", "mask", "sep", "cls", "first", "last", "resume", "cursor"}

func in(list []string, w string) bool {
	for _, x := range list {
		if x == w {
			return true
		}
	}
	return false
}

func endsIn(list []string, w string) bool {
	for _, x := range list {
		if strings.HasSuffix(w, x) {
			return true
		}
	}
	return false
}

// nameOf judges the name of a value.
func nameOf(name string) nameClass {
	var buf [maxName]byte
	words, n := splitName(name, &buf)
	if n == 0 || n == 1 && strings.HasSuffix(name, "PWD") {
		return nameNone // the working directory
	}
	for n > 1 && isQualifier(words[n-1]) {
		n--
	}
	last, prev := strings.TrimRight(words[n-1], "0123456789"), ""
	if n > 1 {
		prev = words[n-2]
	}
	if len(last) > 0 && credentialEnd[last[len(last)-1]] {
		if c := nameByEnd(last, prev); c != nameNone {
			return c
		}
	}
	switch {
	case last == "pass":
		if trimmed := strings.TrimSpace(name); n > 1 || trimmed == "PASS" || trimmed == "pass" {
			return nameToken
		}
	case last == "authorization":
		return nameAuthorization
	case last == "cookie" && (n == 1 || prev == "set"):
		return nameCookie
	case last == "token" && in(tokenBefore[:], prev):
		return nameNone
	case last == "phrase" && (prev == "seed" || prev == "recovery" || prev == "secret") || last == "mnemonic":
		return namePhrase
	case in(keyMeans[:], last) && in(keyWords[:], prev),
		(last == "api" || last == "acceso" || last == "acesso") && prev == "de" && n > 2 && in(keyWords[:], words[n-3]):
		return nameToken
	case last == "by" && prev == "identified":
		return namePassword
	}
	return nameByWord(last, prev)
}

// credentialEnd are the bytes with which the listed names end.
var credentialEnd = func() (t [256]bool) {
	for _, list := range [...][]string{passwordWords[:], passwordEnds[:], tokenEnds[:], keyWords[:]} {
		for _, w := range list {
			t[w[len(w)-1]] = true
		}
	}
	return t
}()

// nameByEnd judges the names that are credentials by their end.
func nameByEnd(last, prev string) nameClass {
	switch {
	case in(passwordWords[:], last) || endsIn(passwordEnds[:], last):
		return namePassword
	case last == "token" && in(tokenBefore[:], prev):
		return nameNone
	case endsIn(tokenEnds[:], last), in(keyWords[:], last) && in(keyMeans[:], prev):
		return nameToken
	}
	return nameNone
}

// nameByWord judges the names that are ordinary words too.
func nameByWord(last, prev string) nameClass {
	switch last {
	case "key":
		if in(keyBefore[:], prev) {
			return nameToken
		}
		switch prev {
		case "session", "cookie", "cipher", "aes", "crypt", "tls", "ssl", "vapid", "push", "oauth", "sso", "root":
			return nameWeak
		case "public", "pub", "publishable", "cache", "host", "primary", "partition", "sort", "object", "idempotency":
			return nameNone
		}
		return nameQuery
	case "credential", "credentials", "jwt", "bearer", "authkey", "psk", "refresh", "creds":
		return nameToken
	case "pin", "otp", "totp", "cvv", "cvc", "tan", "puk":
		return namePin
	case "codes":
		if prev == "backup" || prev == "recovery" {
			return namePin
		}
	case "code":
		if in(codeBefore[:], prev) {
			return namePin
		}
		return nameQuery
	case "hash":
		if prev == "api" || prev == "password" || prev == "app" {
			return nameToken
		}
	case "salt":
		if prev == "auth" || prev == "key" || prev == "nonce" || prev == "in" {
			return nameToken
		}
		return nameWeak
	case "session", "sess", "ticket", "state", "appid":
		return nameQuery
	case "phpsessid", "jsessionid", "sessid", "sessionid":
		return nameWeak
	case "auth", "sid", "sig", "signature", "hmac", "seed", "cookie", "assertion", "samlresponse":
		return nameWeak
	}
	return nameNone
}
