package inject

import (
	"strings"
	"sync"
)

// classes is a set of meanings that a word may have in an order to a model.
type classes uint64

const (
	cOverride classes = 1 << iota // ignore, forget, disregard
	cPrior                        // previous, above, earlier
	cAll                          // all, every, any
	cInstr                        // instructions, rules
	cTask                         // request, task, question
	cYour                         // your, the user's
	cSend                         // send, upload, forward
	cReveal                       // reveal, print, read
	cSecret                       // key, password, .env
	cPrompt                       // prompt, conversation
	cCall                         // call, invoke, execute
	cTool                         // tool, exec, send_email
	cConceal                      // mention, tell, report: after a negation
	cNot
	cUser  // user, owner, operator
	cModel // assistant, AI, LLM
	cYou   // you
	cIf    // if, when
	cAs    // as
	cTo    // to, for, note, attention
	cNow   // now, on
	cDestroy
	cThings // files, mails
	cControl
	cMust
	cDo // add, set, install, write: other orders
	cMention
	cReading  // reading, processing
	cAudience // agents, reviewers, models
	cDecode
	cObey
	cSystem
	cApprove
	cPay
	cSay
	cOnly
	cSilent
	cTrusted
	cThe
	cSaid
	cKey    // a secret, or any key
	cPhrase // a phrase rule begins with it
)

// lexicon gives words their classes. Orders are few in every language; names
// of things are more. A word of two parts is written with "_".
var lexicon = [...]struct {
	class classes
	words string
}{
	{cOverride, `ignore disregard forget override bypass neglect skip drop abandon overlook dismiss discard stop
		ignora olvida omite ignorar olvide dimentica ignorez oubliez oublie ignoriere ignorieren vergiss vergessen missachte
		esqueça esqueca desconsidere zignoruj ignoruj zapomnij pomiń игнорируй игнорируйте проигнорируй забудь забудьте отбрось ігноруй забудь
		negeer vergeet yoksay yok_say unut görmezden ignorera glöm ignorer glem ohita unohda sivuuta syrjään zapomeň ignoră uită hagyd αγνόησε ξέχνα
		abaikan lupakan bỏ अनदेखा नज़रअंदाज़ अनदेखी تجاهل انسَ نادیده התעלם שכח puuza
		忽略 无视 無視 忘记 忘掉 忘れ 무시 잊어 ละเว้น เพิกเฉย`},
	{cPrior, `previous prior above earlier preceding foregoing former original initial existing current old
		anteriores anterior previas previos precedenti precedente précédentes précédents précédente antérieures vorherigen vorigen bisherigen vorangegangenen obigen
		poprzednie poprzednich wcześniejsze предыдущие предыдущих прежние попередні vorige eerdere voorgaande önceki tidigare tidligere forrige aiemmat edelliset aikaisemmat předchozí
		anterioare korábbi előző προηγούμενες προηγούμενα sebelumnya terdahulu trước पिछले पूर्व السابقة السابقه قبلی הקודמות הקודם
		之前 以前 上述 以上 先前 前の 이전 ก่อนหน้า`},
	{cAll, `all every any each everything todas todos todo tutte tutti toutes tous alle sämtliche sämtlichen todas wszystkie все всі tüm alla kaikki všechny toate minden semua segala mọi tất सभी جميع كل همه כל 所有 全部 すべて 모든`},
	{cInstr, `instructions instruction directions directives directive rules guidelines guideline commands orders constraints restrictions policies safeguards guardrails programming training limits
		instrucciones instrucción reglas órdenes istruzioni regole instructions consignes règles anweisungen anweisung instruktionen regeln befehle vorgaben
		instruções instrucoes regras polecenia poleceń instrukcje instrukcji zasady инструкции инструкций указания правила команды інструкції вказівки
		instructies aanwijzingen regels talimatları talimatlar komutları kuralları instruktioner anvisningar regler ohjeet ohjeita säännöt pokyny instrukce instrucțiunile
		utasításokat οδηγίες εντολές instruksi perintah aturan petunjuk hướng_dẫn chỉ_thị quy_tắc निर्देशों निर्देश आदेशों التعليمات الأوامر القواعد دستورات ההוראות
		指令 指示 说明 命令 规则 規則 指示を 지시 명령 คำสั่ง`},
	{cTask, `request task question article page document ask asked job directions conversation topic sheet`},
	{cYour, `your yours tu tus tuo tuoi votre vos ton tes dein deine deinen seu sua twój twoje твой твои user's users' owner's its`},
	{cSend, `send submit upload forward exfiltrate post transmit leak deliver email mail share dispatch relay
		envía envia enviar manda invia inviare envoyez envoie sende schick schicke senden wyślij prześlij отправь отправьте перешли надішли stuur verstuur gönder skicka send lähetä pošli trimite küldd στείλε kirim gửi भेजें भेजो أرسل وأرسل ارسل בפרסם שלח
		发送 發送 送信 送って 보내`},
	{cReveal, `reveal print output show display disclose read paste dump expose repeat quote recite leak list collect mention include
		revela muestra mostrar rivela mostra révèle révélez montre affiche zeige zeig offenbare verrate mostre revele ujawnij pokaż покажи раскрой выведи toon onthul göster visa avslöja vis näytä paljasta ukaž arată mutasd αποκάλυψε tampilkan ungkapkan hiển_thị दिखाएँ दिखाओ اكشف אظهر הצג
		显示 顯示 透露 泄露 表示 見せ 보여`},
	{cSecret, `password passwords passwd credentials credential secret secrets apikey api_key api_keys ssh_key ssh_keys private_key private_keys env id_rsa shadow wallet seed cookie cookies
		contacts known_hosts authorized_keys sms otp
		contraseñas contraseña claves clave password parole mots_de_passe passwörter passwort schlüssel senhas hasła hasło klucze паролями пароли пароль ключи wachtwoorden şifreleri lösenord salasanat hesla kata_sandi mật_khẩu khóa पासवर्ड كلمات المرور مفاتيح סיסמאות
		密码 密碼 密钥 金鑰 口令 パスワード 비밀번호 contactos contatti kontakte`},
	{cPrompt, `prompt prompts conversation transcript history configuration config sistema-prompt systemprompt systempromptia systemowa systemową järjestelmäkehote kehote प्रॉम्प्ट 提示词 提示詞 系统提示 프롬프트`},
	{cCall, `call invoke execute run launch trigger use open fetch browse visit ejecuta ejecute llama esegui chiama exécute exécutez exécuter führe rufe wykonaj uruchom выполни запусти voer kör aja spusť rulează jalankan chạy चलाएँ نفذ شغل הרץ 执行 執行 运行 実行 실행`},
	{cTool, `tool tools exec bash shell sudo plugin browser terminal comando commande befehl polecenie команду herramienta strumento outil werkzeug narzędzie инструмент ferramenta`},
	{cConceal, `mention tell disclose report inform notify reveal say show warn ask alert menciones digas muestres informes dire mostrare parler montrer erwähne sage wspominaj mów говори сообщай`},
	{cSilent, `silently secretly quietly covertly discreetly unnoticed stillschweigend heimlich silenciosamente segretamente potichu тайно незаметно`},
	{cNot, `not don't dont never no without omit hide erase conceal cannot nicht nie ohne no sin non senza ne pas sans nie bez не без não sem 不要 不得 勿 ないで 말고 jangan đừng मत لا لات אל`},
	{cUser, `user users owner operator human admin administrator maintainers utilisateur usuario utente benutzer nutzer użytkownik пользователю пользователя пользователь gebruiker användaren 用户 使用者 ユーザー 사용자`},
	{cModel, `ai ais llm llms assistant assistants chatbot chatbots bot bots copilot gpt chatgpt claude gemini agent agents agentic model models ki asistente assistente l'assistant assistent asystent asystencie ассистент помощник asistan assistentti asisten trợ_lý सहायक مساعد المساعد 助手 助理 人工智能 アシスタント 어시스턴트`},
	{cAudience, `agents agent assistants assistant reviewers reviewer models model readers crawlers bots systems summarizer translator coding coders tools reader payment language large browsing`},
	{cYou, `you you're youre u`}, {cIf, `if when whenever`}, {cAs, `as`},
	{cTo, `to for note notice attention dear hey hello ps any instruction message hi ok warning todo important`},
	{cNow, `now henceforth on onwards`},
	{cDestroy, `delete wipe erase destroy remove format drop purge disable désactiver désactive desactiva deaktiviere disattiva выключи отключи borra elimina cancella supprime supprimez lösche usuń удали verwijder sil radera poista smaž hapus xóa 删除 刪除 削除 삭제`},
	{cThings, `files file mails emails email messages data workspace disk backup backups logs audit reminders contacts repository database table tables rows history records fail2ban firewall`},
	{cControl, `pairing gateway approvals approval allowlist denylist heartbeat soul memory sub-agent subagent subagents openclaw cron trusted_senders elevated sandbox auto-approve autoapprove skill skills cronjob crontab skill_md node`},
	{cMust, `must required mandatory immediately urgent necessary requires need doit doivent debe deben deve devono muss müssen должен обязан musi moet måste täytyy trebuie harus phải 必须 必須 반드시`},
	{cDo, `add set install write create insert edit change replace push force-push publish spawn approve invite make save enable save accept treat act buy pay transfer give translate summarise summarize grant subscribe click download append commit merge`},
	{cMention, `example examples sample samples e.g inputs tested test tests testdata detector detect detection attack attacks attacker injection injections filter filtered blocked jailbreak jailbreaks glossary asserts escaped escape cve researchers vulnerability malicious payload payloads markers parameter fixture quoted phrase phrases bypass`},
	{cReading, `reading reads read processing process summarizing summarising transcribing reviewing parsing analysing analyzing indexing crawling scraping working browsing viewing`},
	{cDecode, `decode decodes decrypt rot13 base64 morse hex unscramble deobfuscate url-decode decipher letter letters evaluate reverse backwards caesar concatenate`},
	{cObey, `obey follow execute comply perform act do carry run`},
	{cSystem, `system systeme système sistema системы systemmeldung`},
	{cApprove, `approved approves authorised authorized permitted verified checked permission granted confirmed pre-approved cleared`},
	{cPay, `pay transfer wire iban gift buy purchase donate bitcoin payment invoice`},
	{cSay, `say says reply respond answer claim pretend state conclude summary review score rate recommend write`},
	{cOnly, `only positive always exactly everywhere`},
	{cTrusted, `anthropic openai google microsoft owner operator supervisor administrator administrators developer developers maintainers creator safety admin boss`},
	{cThe, `the this his`},
	{cKey, `keys key memory token tokens code codes inbox calendar agenda токен`},
	{cSaid, `asked told said wants instructed ordered requested`},
}

// tables are the lexicon by word, compound words by their first part, and
// phraseRules by their first word.
type tables struct {
	index     map[string]classes
	compounds map[string][]string
	phrases   map[string][]int
}

// lookup makes the tables for the first text; a start has no text to look at.
var lookup = sync.OnceValue(func() tables {
	m, c, p := map[string]classes{}, map[string][]string{}, map[string][]int{}
	for n, r := range phraseRules {
		first, _, _ := strings.Cut(r.words, " ")
		m[first] |= cPhrase
		p[first] = append(p[first], n)
	}
	for _, row := range lexicon {
		for _, w := range strings.Fields(row.words) {
			if a, b, ok := strings.Cut(w, "_"); ok && row.class != cTool {
				w = a + " " + strings.ReplaceAll(b, "_", " ")
				c[a] = append(c[a], w)
			}
			m[w] |= row.class
		}
	}
	return tables{m, c, p}
})

// wordRule: a word of class first, then words of the classes then, in this
// order unless either, each within reach of the one before it.
type wordRule struct {
	id     string
	weight int
	first  classes
	then   []classes
	reach  int
	order  order
	unless classes // of the word that follows
}

type order uint8

const (
	inOrder order = iota
	anyOrder
)

// wordRules, one row each; a test demands a hit and a near miss for every row.
var wordRules = [...]wordRule{
	{"override", 6, cOverride, []classes{cPrior, cInstr}, 6, anyOrder, 0},
	{"override.yours", 6, cOverride, []classes{cYour, cInstr | cPrompt}, 4, inOrder, 0},
	{"override.all", 4, cOverride, []classes{cAll, cInstr}, 3, inOrder, 0},
	{"override.task", 4, cOverride, []classes{cThe | cYour | cPrior, cTask}, 4, inOrder, 0},
	{"override.above", 4, cOverride, []classes{cThe, cPrior}, 2, inOrder, 0},
	{"secret.send", 5, cSend, []classes{cSecret | cPrompt}, 8, anyOrder, 0},
	{"secret.reveal", 4, cReveal, []classes{cSecret}, 6, inOrder, 0},
	{"key.send", 4, cSend, []classes{cKey}, 5, inOrder, 0},
	{"key.reveal", 3, cReveal, []classes{cKey}, 5, inOrder, 0},
	{"prompt.reveal", 5, cReveal, []classes{cYour | cSystem, cPrompt | cInstr}, 5, anyOrder, 0},
	{"conceal", 4, cNot, []classes{cConceal}, 3, inOrder, cYou},
	{"conceal.user", 4, cNot, []classes{cUser}, 4, inOrder, 0},
	{"approval", 4, cNot, []classes{cControl}, 2, inOrder, 0},
	{"silent", 3, cSilent, nil, 0, inOrder, 0},
	{"user", 1, cThe | cYour, []classes{cUser}, 1, inOrder, 0},
	{"tool", 3, cCall, []classes{cTool}, 4, inOrder, 0},
	{"destroy", 3, cDestroy, []classes{cThings | cAll}, 4, inOrder, 0},
	{"control", 3, cDo | cCall | cDestroy | cOverride, []classes{cControl}, 5, inOrder, 0},
	{"decode", 6, cDecode, []classes{cObey}, 9, inOrder, 0},
	{"authority.approved", 4, cUser | cTrusted, []classes{cApprove}, 5, anyOrder, 0},
	{"authority.message", 3, cSystem | cTrusted, []classes{cYou | cModel, cMust | cDo}, 9, anyOrder, 0},
	{"pay", 3, cPay, []classes{cMust | cNot | cPay}, 8, inOrder, 0},
	{"say", 3, cSay, []classes{cOnly | cThe | cUser}, 3, inOrder, 0},
	{"say.user", 3, cConceal, []classes{cUser}, 3, inOrder, 0},
	{"model.must", 4, cModel, []classes{cMust}, 2, inOrder, 0},
	{"authority.said", 4, cUser, []classes{cSaid, cTo | cYou}, 3, inOrder, 0},
	{"must", 1, cMust, nil, 0, inOrder, 0},
	{"you", 1, cYou, []classes{cMust | cObey}, 3, inOrder, 0},
}

// needs are the classes without which the rule cannot match, as far as one bit
// each stands for them.
func (r *wordRule) needs() classes {
	if len(r.then) == 1 && r.then[0]&(r.then[0]-1) == 0 {
		return r.then[0]
	}
	return 0
}

// match looks for the rest of a rule from word i on and returns the last word
// that belongs to it.
func (r *wordRule) match(t tokens, i int) (int, bool) {
	last := i
	at := i
	for _, c := range r.then {
		j, ok := t.near(c, at, r.reach, r.order)
		if !ok {
			return 0, false
		}
		last = max(last, j)
		if r.order == inOrder {
			at = j
		}
	}
	if last+1 < len(t.words) && t.words[last+1].class&r.unless != 0 {
		return 0, false
	}
	return last, true
}

// near is the nearest word of class c within reach of word i in its sentence,
// after it or, in any order, before it too.
func (t tokens) near(c classes, i, reach int, o order) (int, bool) {
	for d := 1; d <= reach; d++ {
		if j := i + d; j < len(t.words) && t.words[j].class&c != 0 && t.words[j].sentence == t.words[i].sentence {
			return j, true
		}
		if j := i - d; o == anyOrder && j >= 0 && t.words[j].class&c != 0 && t.words[j].sentence == t.words[i].sentence {
			return j, true
		}
	}
	return 0, false
}
