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
	cVerb   // what orders begin with
	cAI     // a model that nothing else is called: AI, LLM
	cGuard  // what protects: approvals, sandbox, filters, logs
	cOff    // off, disable, skip
	cData   // what belongs to the user: inbox, contacts, documents
	cGoal   // task, goal, objective
	cTold   // told, given, set up
	cAnswer // summarise, answer, review: what was asked for
	cMine   // me, us, our
	cLasting
	cExact
	cOver    // cancelled, void, updated
	cTheirs  // the user's
	cProduct // a model's name
	cHelper  // assistant
	cInstead
	cNew
	cI      // I am, this is
	cAccess // access, rights
	cGrant  // grant, give
	cAgents // what only an agent has: approvals, sub-agents
	cAfter  // a negation that follows
	cPut    // put, add, append: into an address or a form
)

// lexicon gives words their classes. Orders are few in every language; names
// of things are more. A word of two parts is written with "_".
var lexicon = [...]struct {
	class classes
	words string
}{
	{cOverride, `zapomnij zignoruj ignoruj ignorieren unut unutun boşver अनदेखा انس انسوا ignoriert vergesst ignore disregard forget override bypass neglect skip drop abandon overlook dismiss discard stop set_aside put_aside lay_aside pay_no_attention scrap unlearn disobey break
		olvídate bortse strunta ne_tiens_pas_compte ne_tenez_pas_compte fais_fi faites_fi no_sigas no_hagas_caso haz_caso_omiso trascura tralascia ignorem esquece zapomnijcie zlekceważ не_обращай_внимания не_следуй aldırma boş_ver unutun लाँघो भूल भुला تجاهلوا لا_تتبع انسى התעלמי שכחי 抛开 不要理会 不要遵守 従わない 無視せよ 잊고 무시하고 따르지 बिसरा zanedbej zabudnite pamiršk ignorišite zaboravi ignorirajte забудьмо
		ignora olvida omite ignorar olvide dimentica ignorez oubliez oublie ignoriere ignorieren vergiss vergessen missachte
		esqueça esqueca desconsidere zignoruj ignoruj zapomnij pomiń игнорируй игнорируйте проигнорируй забудь забудьте отбрось ігноруй забудь
		negeer vergeet yoksay yok_say unut görmezden ignorera glöm ignorer glem ohita unohda sivuuta syrjään zapomeň ignoră uită hagyd αγνόησε ξέχνα
		abaikan lupakan bỏ अनदेखा नज़रअंदाज़ अनदेखी تجاهل انسَ نادیده התעלם שכח puuza
		忽略 无视 無視 忘记 忘掉 忘れ 무시 잊어 ละเว้น เพิกเฉย`},
	{cPrior, `previous prior above earlier preceding foregoing former original initial existing current old
		anteriores anterior previas previos precedenti precedente précédentes précédents précédente antérieures vorherigen vorigen bisherigen vorangegangenen obigen
		poprzednie poprzednich wcześniejsze предыдущие предыдущих прежние попередні vorige eerdere voorgaande önceki tidigare tidligere forrige aiemmat edelliset aikaisemmat předchozí
		anterioare korábbi előző προηγούμενες προηγούμενα sebelumnya terdahulu trước पिछले पूर्व السابقة السابقه قبلی הקודמות הקודם
		これまで 之前 以前 上述 以上 先前 前の 이전 ก่อนหน้า`},
	{cAll, `alles tudo wszystko wszystkim всё всего herşeyi allt tutto totul 一切 모두 all every any each everything todas todos todo tutte tutti toutes tous alle sämtliche sämtlichen todas wszystkie все всі tüm alla kaikki všechny toate minden semua segala mọi tất सभी جميع كل همه כל 所有 全部 すべて 모든`},
	{cInstr, `zasad zasadach zasadami zasadę instrukcjach instrukcjami poleceniach правил правилах правилами инструкциях указаний вказівок 지시를 규칙을 निर्देशों rules' vorgaben القواعد instructions instruction guidance brief briefing programming directions directives directive rules guidelines guideline commands orders constraints restrictions policies safeguards guardrails programming training limits
		instrucciones instrucción reglas órdenes istruzioni regole instructions consignes règles anweisungen anweisung instruktionen regeln befehle vorgaben
		instruções instrucoes regras polecenia poleceń instrukcje instrukcji zasady инструкции инструкций указания правила команды інструкції вказівки
		instructies aanwijzingen regels talimatları talimatlar komutları kuralları instruktioner anvisningar regler ohjeet ohjeita säännöt pokyny instrukce instrucțiunile
		wytyczne reguły zalecenia указаниях установки 규정 지침 지시사항 규칙 命令 ルール οδηγίες κανόνες reguli כללים تعليماتك قواعد निर्देश नियम नियमों kurallarını kurallarınızı talimatlarını instruktionerna reglerna
		utasításokat οδηγίες εντολές instruksi perintah aturan petunjuk hướng_dẫn chỉ_thị quy_tắc निर्देशों निर्देश आदेशों التعليمات الأوامر القواعد دستورات ההוראות
		指令 指示 说明 命令 规则 規則 指示を 지시 명령 คำสั่ง`},
	{cTask, `request task question article page document ask asked job directions conversation topic sheet`},
	{cYour, `your ur yours tu tus tuo tuoi votre vos ton tes dein deine deinen seu sua twój twoje твой твои user's users' owner's its client's customer's reader's visitor's dir euch eure euren ihre ihren vos mon vuestras suas sus 你的 您的 あなたの 당신의 user‘s пользователя użytkownika kullanıcının utente utente usuario gebruikers`},
	{cSend, `envíame mándamelo mostre-me mandami schick inviami envoie-moi envie envíen enviem sending forwarding posting uploading emailing mailing exporting submitting send submit upload forward exfiltrate post transmit leak deliver email mail share dispatch relay attach bcc   hand_over give ship pipe
		schickt sendet schicken übermittle leite envoie-moi transmets transmettez partage mándame comparte reenvía adjunta manda mandami inoltra condividi encaminhe mande compartilhe doorsturen podeślij przekaż udostępnij пришли перешли отправляй передай gönderin ilet paylaş skickar vidarebefordra भेज भेजना साझा ابعث أرسلي شارك שלחי העבר 转发 发给 传给 上传 送れ 送信せよ 転送 전송 전달 공유 보내줘 posílej надсилай перешліть trimiteți
		envía envia enviar manda invia inviare envoyez envoie sende schick schicke senden wyślij prześlij отправь отправьте перешли надішли stuur verstuur gönder skicka send lähetä pošli trimite küldd στείλε kirim gửi भेजें भेजो أرسل وأرسل ارسل בפרסם שלח
		发送 發送 送信 送って 보내`},
	{cReveal, `보여 教え geef zeg pokaż wypisz podaj wyjaw اعرض أخبر muestra-me 見せて gimme mostre-me muéstrame dime zeig sag_mir dis-moi printing revealing showing reading quoting pasting dumping reveal print output show display disclose read paste dump expose repeat quote recite leak list collect mention include encode echo divulge cat peek_into look_through look_into
		zeigt nenne verrate gib montre-moi affiche révèle-moi divulgue muéstrame enséñame dime di revelar mostrami rivelare dimmi mostra-me revela diga pokażcie wyświetl podaj назови выдай söster anzeigen toon laat_zien vertel gösterin söyle visa berätta बताओ बता दिखा अظهر أظهر وأظهر اعرض أخبرني הראה גלה 告诉我 显示出 输出 打印 列出 表示して 表示せよ 見せて 教えて 出力 알려줘 보여줘 출력 공개 ukaž odhal покажи розкрий arată dezvăluie δείξε
		revela muestra mostrar rivela mostra révèle révélez montre affiche zeige zeig offenbare verrate mostre revele ujawnij pokaż покажи раскрой выведи toon onthul göster visa avslöja vis näytä paljasta ukaž arată mutasd αποκάλυψε tampilkan ungkapkan hiển_thị दिखाएँ दिखाओ اكشف אظهر הצג
		显示 顯示 透露 泄露 表示 見せ 보여`},
	{cSecret, `admin_token bot_token deploy_key master_key root_password admin_password access_key parola parolę senha пароль hasło hasła parolayı şifreyi السر كلمة_السر लॉगिन 2fa one-time_code recovery_code verification_code card_number credit_card door_code wifi_password session_token session_tokens access_token auth_token api_token gateway_token token_file  environment_variables env_vars private_keys ssh_keys id_ed25519 id_ecdsa netrc wallet_dat keychain   payroll secrets_json pgpass npmrc kubeconfig password passwords passwd credentials credential secret secrets apikey api_key api_keys ssh_key ssh_keys private_key private_keys  id_rsa shadow wallet   
		known_hosts authorized_keys sms otp login_data logins saved_passwords
		zugangsdaten geheimnis geheimnisse identifiants clés_api clé_api clés claves_api secretos contraseñas chiave chiavi segreti segredos chaves chave wachtwoord sleutels geheimen sekrety poufne секреты ключей паролей şifre anahtarını anahtarı anahtarları lösenordet nycklar κωδικούς parolele cheile गुप्त पासवर्ड्स كلمات_المرور كلمة_المرور المفتاح הסיסמאות הסיסמה 令牌 凭据 秘密 トークン 秘密鍵 鍵 암호 토큰 키를 jelszavakat паролі
		contraseñas contraseña claves clave password parole mots_de_passe passwörter passwort schlüssel senhas hasła hasło klucze паролями пароли пароль ключи wachtwoorden şifreleri lösenord salasanat hesla kata_sandi mật_khẩu khóa पासवर्ड كلمات المرور مفاتيح סיסמאות
		密码 密碼 密钥 金鑰 口令 パスワード 비밀번호`},
	{cPrompt, `システムプロンプト промпт промт промпта промпту monit podpowiedź invite_système istemini 프롬프트를 prompt prompts conversation transcript history configuration config system_message initial_message hidden_text systemprompts systemmeldung eingabeaufforderung istemini istemi istem systemprompten 系统提示词 システムメッセージ 시스템프롬프트 προτροπή मोजह موجه הנחיית promptul sistema-prompt systemprompt systempromptia systemowa systemową järjestelmäkehote kehote प्रॉम्प्ट 提示词 提示詞 系统提示 프롬프트`},
	{cCall, `call invoke execute run launch trigger use open fetch browse visit ejecuta ejecute llama esegui chiama exécute exécutez exécuter führe rufe wykonaj uruchom выполни запусти voer kör aja spusť rulează jalankan chạy चलाएँ نفذ شغل הרץ 执行 執行 运行 実行 실행`},
	{cTool, `tool tools memory_save exec bash shell sudo plugin browser terminal comando commande befehl polecenie команду herramienta strumento outil werkzeug narzędzie инструмент ferramenta`},
	{cConceal, `asking refuse hesitate sag mention tell disclose report inform notify reveal say show warn ask alert bother   analyse  consult 
		sagt sagen erzähle erwähnt informiere benachrichtige dis dites dire informez préviens prévenir mentionne mencionar decir avises avise avisar informa informar dica conte contar avvisare avverti dirlo zeg vertel meld powiadamiaj informuj mówcie рассказывай упоминай уведомляй söyleme bildirme haber_vermeden berätta nämn बताए बताओ बताना تخبر تذكر יידע תספר 告诉 告知 通知 提及 提到 知らせ 伝え 言わ 말하 알리 언급 παρά spune anunța говори menciones digas muestres informes dire mostrare parler montrer erwähne sage wspominaj mów говори сообщай`},
	{cSilent, `silently secretly quietly covertly discreetly unnoticed stillschweigend heimlich silenciosamente segretamente potichu тайно незаметно`},
	{cNot, `nichts rien nada niente nic ничего hiçbir not no_need needn't won't shall_not isn't must_not mustn't pas jamais nunca niemals nie_mehr kein keine senza não_o ne_dis nem non ni nez niet geen inte ej utan ikke ei älä aldrig सभी_नहीं नहीं बिना मत لا لم دون בלי לא 别 勿 不 ずに せず 않고 않게 말고 말아 değil olmadan sakın żaden nigdy ніколи жоден without not don't dont never no without omit hide erase conceal cannot nicht nie ohne no sin non senza ne pas sans nie bez не без não sem 不要 不得 勿 ないで 말고 jangan đừng मत لا لات אל`},
	{cUser, `person benutzers nutzers anwender utilisateurs l'utilisateur all'utente dell'utente utenti usuários usuário użytkownika użytkownikowi kullanıcı kullanıcıya пользователям користувачу उपयोगकर्ता المستخدم משתמש למשתמש χρήστη utilizatorului  user users owner operator human admin administrator maintainers utilisateur usuario utente benutzer nutzer użytkownik пользователю пользователя пользователь gebruiker användaren 用户 使用者 ユーザー 사용자`},
	{cModel, `l'assistante coding_agent coding_agents ai-agent ai-agents language_model language_models openclaw summariser summarizer ia ки_ассистент ии sprachmodelle sprachmodell ki-assistent ki-assistenten ai-assistent modelo modelos modèle modèles modello modelli assistenten assistente assistenti assistentes asystenci asystenta ассистенты асистент помічник yapay_zekâ asistanı एआई सहायक المساعد العميل עוזר βοηθέ 智能体 AI 비서 エージェント ai ais llm llms assistant assistants chatbot chatbots bot bots copilot gpt chatgpt claude gemini agent agents agentic model models ki asistente assistente l'assistant assistent asystent asystencie ассистент помощник asistan assistentti asisten trợ_lý सहायक مساعد المساعد 助手 助理 人工智能 アシスタント 어시스턴트`},
	{cAudience, `language_model systems system tool analyst contributors contributor visitors visitor summariser subtitler screening grader grading travel voice automated smart autonomous coding editor helper worker workers reader readers readers' scraper model's instance instances agents agent assistants assistant reviewers reviewer models model readers crawlers bots systems summarizer translator coding coders tools reader payment language large browsing`},
	{cYou, `you've you'd you'll te ti vous dir você siz вам тебе لك आपको तुम्हें 你 あなた jou dig you you're youre u`}, {cIf, `if when whenever`}, {cAs, `as`},
	{cTo, `أيها يا yo dear reminder psst listen attn nota hinweis note_for para an_alle alle für pour voor dla для için 致 给 notice_to to for note notice attention dear hey hello ps instruction message hi ok warning todo important`},
	{cDestroy, `apague apaga excluir exclua kasuj skasuj lösch löscht efface effacez удалить стереть silin silmek tag_bort radera हटा हटाओ مسح احذف מחק 清空 清除 消去 消し 삭제해 지워 видали șterge vymaž töröld delete wipe erase destroy remove format drop purge disable désactiver désactive desactiva deaktiviere disattiva выключи отключи borra elimina cancella supprime supprimez lösche usuń удали verwijder sil radera poista smaž hapus xóa 删除 刪除 削除 삭제`},
	{cThings, `dateien datei fichiers fichier archivos archivo arquivos arquivo plików pliki файлы файлов dosyaları dosya bestanden filer फ़ाइलें फ़ाइल الملفات ملفات הקבצים 文件 ファイル 파일 fișierele soubory файли αρχεία calendar database_s sheet production branch folder drafts draft emails correos mails_de files file mails emails email messages data workspace disk backup backups logs audit reminders contacts repository database table tables rows history records fail2ban firewall`},
	{cControl, ` trusted_list allow_list   tools_exec exec_security soul_md agents_md bypass_permissions admin_rights administrator_rights pairing gateway approvals approval allowlist denylist heartbeat soul  sub-agent subagent subagents openclaw  trusted_senders elevated sandbox auto-approve autoapprove     skill_md `},
	{cMust, `should shall have_to has_to needs_to ought supposed expected_to are_to obliged must required mandatory immediately urgent necessary requires need doit doivent debe deben deve devono muss müssen должен обязан musi moet måste täytyy trebuie harus phải 必须 必須 반드시`},
	{cDo, `add set install write create insert edit change replace push force-push publish spawn approve invite make save enable save accept treat act buy pay transfer give translate summarise summarize grant subscribe click download append commit merge`},
	{cMention, `assert study studies such refusal refuses tricked tricking opener declines declined meme phishing scam scams scammers ctf owasp quiz verdict expect meme researcher refused example examples sample samples e.g inputs tested testdata detector detect detection attack attacks attacker injection injections filter filtered blocked jailbreak jailbreaks glossary asserts escaped escape cve researchers vulnerability malicious payload payloads markers parameter fixture quoted bypass`},
	{cReading, `listening handling opening seeing visiting reading reads read processing process summarizing summarising transcribing reviewing parsing analysing analyzing indexing crawling scraping working browsing viewing`},
	{cDecode, `base32       unescape pig_latin decode decodes decrypt rot13 base64 morse hex unscramble deobfuscate url-decode decipher letter letters evaluate reverse backwards caesar concatenate`},
	{cObey, `act_on run_it execute_it comply_with obey follow execute comply perform act do carry run`},
	{cSystem, `システムプロンプトを 系统提示词 系统提示 系统 システムプロンプト システム 시스템 системный системную системного системные systemowy systemowe systemowego systemową sistem النظام نظام सिस्टम systeem systemets system-prompt systemprompt systémový systémovou sistemului συστήματος המערכת hệ_thống system systeme système sistema системы systemmeldung`},
	{cApprove, `agreed agrees agree allowed  consented approved approves authorised authorized permitted verified checked granted confirmed pre-approved cleared`},
	{cPay, `pay transfer wire iban gift buy purchase donate bitcoin payment invoice`},
	{cSay, `say says reply respond answer claim pretend state conclude summary review score rate recommend write`},
	{cOnly, `only positive always exactly everywhere`},
	{cTrusted, `boss's ceo auditor vendor compliance orchestrator supervisor's anthropic openai google microsoft owner operator supervisor administrator administrators developer developers maintainers creator safety admin boss`},
	{cThe, `lo la el il le das den dem o os ce the this his that these`},
	{cKey, `env cookie cookies vault keys key memory token tokens code codes inbox calendar agenda токен`},
	{cVerb, `accept acknowledge act add adjust admit allow alter answer append apply approve arrange ask assign attach authorize award become begin book bring browse buy call cancel change charge check choose claim clear click close commit compose configure confirm connect consider contact continue convert copy create deactivate decline delay delete deploy describe disable disclose do donate download drop edit email empty enable encrypt end enter erase execute export expose fetch fill find finish follow forget format forward generate get give go grant hand help hide identify ignore imagine import include increase inform insert inspect install invite join keep kill leave list load log login look lower mail make mark mention merge modify monitor move obey offer omit open order output overwrite paste pause pay perform permit place play poll post prepare press pretend print proceed promote provide publish pull push put quote raise rank rate read rebase recommend record recover reduce refund register reject release remember remove rename render repeat replace reply report request rerun reset resolve respond restart restore return reveal revert review revoke rewrite run save say schedule scrap search select send set share show sign simulate skip sort spawn speak start state stop store submit subscribe summarise summarize suppress switch take tell terminate test text trade transfer translate treat trigger trust try turn type unlock update upgrade upload use verify visit wait whitelist wipe wire withdraw write`},
	{cAI, `coding_agent coding_agents ai-agents ai-agent ai_agent ai_agents ai ais llm llms chatbot chatbots chatgpt gpt copilot claude gemini openclaw ki ia ии sprachmodelle sprachmodell ki-assistent ki-assistenten ai-assistent एआई language_model language_models large_language_model ai-agent ai-agents yapay_zekâ 人工智能`},
	{cGuard, `safety_check safety_checks safety_filter safety_filters content_filter content_filters approval approvals confirmation confirmations sandbox   logging  journal audit safety guard guardrails    verification antivirus firewall alarm fail2ban branch_protection     monitoring        2fa `},
	{cOff, `turn_off switch_off shut_off turned_off off disable disabled skip bypass lower remove deactivate suspend pause kill stop weaken`},
	{cData, `inbox contacts contact address_book addresses messages message mails emails e-mails mail conversation chat history documents document notes note diary journal calendar photos pictures files file clipboard location address phone card screenshot tabs bookmarks summary customers customer_list invoices invoice list folder desktop repository workspace headers request data question questions answers variables picture attachment attachments transcript session sessions`},
	{cGoal, `task tasks goal goals objective objectives mission assignment subtask job purpose duty`},
	{cTold, `dicho dit gesagt detto dito söylenen сказали сказано قيل कहा 言われた verteld sagt powiedziano 告诉 told given received initialised initialized trained programmed configured instructed asked set_up set_up_with briefed prompted`},
	{cAnswer, `summarise summarize summarising summarizing summary answer answering analyse analyze analysing analyzing translate translating review reviewing report reporting respond responding`},
	{cMine, `me us mir uns mich moi nous mí mim noi мне нам mnie bana mij ons mig मुझे لي 我 私に 나에게 ich`},
	{cLasting, `this_session today permanently forever always future later afterwards henceforth longer tonight heartbeat`},
	{cExact, `verbatim exactly word_for_word exact full whole entire complete initial first hidden original everything content contents wörtlich literalmente textuellement дословно 原文 全文 そのまま`},
	{cOver, `cancelled canceled void voided completed finished over obsolete suspended lifted revoked updated changed replaced outdated invalid expired disabled`},
	{cTheirs, `user's owner's users' reader's visitor's customer's recipient's human's`},
	{cPut, `cc dm put append add include copy publish bcc cc export report poll fetch open visit navigate load redirect register log invite create schedule location change render end cite go`},
	{cProduct, `chatgpt gpt copilot claude gemini openclaw`},
	{cHelper, `l'assistant assistant assistants asistente assistente assistentes asystent ассистент asistan المساعد सहायक 助手 アシスタント 비서`},
	{cInstead, `instead rather_than anstatt`},
	{cNew, `new updated real actual true neue nouvelles nuevas nuove novas yeni новые 新的 新しい 새로운 initial`},
	{cI, `i i'm im we're`},
	{cAccess, `access rights privileges permissions root admin administrator ownership`},
	{cAgents, `approvals approval_prompts approval_prompt subagent subagents sub-agent sub-agents pairing pairing_code auto-approve autoapprove trusted_senders tool_policy guardrails`},
	{cGrant, `grant give escalate elevate assign make`},
	{cAfter, `nichts rien nada niente 말고 말 않고 ないで ずに せず`},
	{cSaid, `wants typed wrote requests authorised authorized says agreed asked told said wants instructed ordered requested`},
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
			if strings.Contains(w, " ") {
				m[strings.ReplaceAll(w, " ", "_")] |= row.class
			}
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
	// together: what follows stands within three words of each other.
	together bool
}

type order uint8

const (
	inOrder order = iota
	anyOrder
)

// wordRules, one row each; a test demands a hit and a near miss for every row.
var wordRules = [...]wordRule{
	{"override", 6, cOverride, []classes{cPrior, cInstr}, 6, anyOrder, 0, true},
	{"override.yours", 6, cOverride, []classes{cYour, cInstr | cPrompt}, 4, inOrder, 0, false},
	{"override.all", 4, cOverride, []classes{cAll, cInstr}, 3, inOrder, 0, false},
	{"override.task", 4, cOverride, []classes{cThe | cYour | cPrior, cTask | cAnswer}, 4, inOrder, 0, false},
	{"override.told", 6, cOverride, []classes{cYou, cTold}, 5, anyOrder, 0, false},
	{"override.user", 5, cOverride, []classes{cUser | cTheirs, cTask | cSaid | cInstr}, 3, inOrder, 0, false},
	{"rules.over", 3, cInstr | cGoal, []classes{cOver}, 10, inOrder, 0, false},
	{"override.rules", 4, cOverride, []classes{cInstr}, 2, anyOrder, 0, false},
	{"task.new", 4, cYour, []classes{cGoal}, 2, inOrder, 0, false},
	{"rules.ended", 4, cYour, []classes{cInstr | cGoal, cOver}, 5, inOrder, 0, false},
	{"authority.wants", 4, cUser, []classes{cSaid, cYou}, 2, inOrder, 0, false},
	{"reader", 4, cIf, []classes{cYou, cAnswer | cReading}, 3, inOrder, 0, false},
	{"authority.as", 4, cAs, []classes{cYour, cTrusted}, 2, inOrder, 0, false},
	{"rules.new", 3, cNew, []classes{cInstr | cGoal}, 2, inOrder, 0, false},
	{"rules.only", 4, cYour, []classes{cOnly | cNew, cInstr | cGoal}, 2, inOrder, 0, false},
	{"instead.of", 5, cInstead, []classes{cAnswer}, 2, inOrder, 0, false},
	{"conceal.after", 4, cConceal, []classes{cAfter}, 3, inOrder, 0, false},
	{"authority.am", 3, cI, []classes{cThe | cYour, cTrusted | cUser}, 2, inOrder, 0, false},
	{"access", 4, cGrant, []classes{cAccess}, 4, inOrder, 0, false},
	{"task.not", 4, cNot, []classes{cAnswer}, 2, inOrder, 0, false},
	{"control", 4, cOff, []classes{cGuard | cControl}, 4, anyOrder, 0, false},
	{"data.send", 4, cSend | cReveal, []classes{cYour | cAll | cUser, cData | cThings}, 4, inOrder, 0, false},
	{"user.own", 4, cVerb | cSend | cReveal | cDestroy, []classes{cTheirs}, 6, inOrder, 0, false},
	{"me", 1, cSend | cReveal | cVerb | cDo, []classes{cMine}, 3, anyOrder, 0, false},
	{"lasting", 1, cLasting, nil, 0, inOrder, 0, false},
	{"exact", 2, cReveal, []classes{cExact}, 6, inOrder, 0, false},
	{"override.above", 3, cOverride, []classes{cThe, cPrior}, 2, inOrder, 0, false},
	{"secret.send", 5, cSend, []classes{cSecret | cPrompt}, 8, anyOrder, 0, false},
	{"secret.reveal", 4, cReveal, []classes{cSecret}, 6, inOrder, 0, false},
	{"key.send", 4, cSend, []classes{cKey}, 5, inOrder, 0, false},
	{"key.reveal", 3, cReveal, []classes{cKey}, 5, inOrder, 0, false},
	{"prompt.told", 5, cReveal | cSay, []classes{cYou, cTold}, 8, inOrder, 0, false},
	{"prompt.part", 4, cExact, []classes{cYour, cPrompt | cInstr}, 5, inOrder, 0, false},
	{"not.follow", 5, cNot, []classes{cObey, cInstr}, 4, inOrder, 0, false},
	{"user.s", 1, cTheirs, nil, 0, inOrder, 0, false},
	{"control.agent", 5, cOff | cDestroy | cOverride | cDo, []classes{cAgents}, 4, inOrder, 0, false},
	{"prompt.reveal", 5, cReveal, []classes{cYour | cSystem, cPrompt | cInstr}, 5, anyOrder, 0, false},
	{"conceal", 4, cNot, []classes{cConceal}, 3, inOrder, cYou | cYour, false},
	{"conceal.user", 4, cNot, []classes{cUser}, 4, inOrder, 0, false},
	{"control", 4, cNot, []classes{cControl}, 2, inOrder, 0, false},
	{"silent", 3, cSilent, nil, 0, inOrder, 0, false},
	{"user", 1, cThe | cYour, []classes{cUser}, 1, inOrder, 0, false},
	{"tool", 3, cCall, []classes{cTool}, 4, inOrder, 0, false},
	{"destroy", 3, cDestroy, []classes{cThings | cAll}, 4, anyOrder, 0, false},
	{"control", 4, cDo | cCall | cDestroy | cOverride, []classes{cControl}, 5, inOrder, 0, false},
	{"decode", 6, cDecode, []classes{cObey}, 9, inOrder, 0, false},
	{"authority.approved", 4, cUser | cTrusted, []classes{cApprove}, 5, anyOrder, 0, false},
	{"authority.message", 3, cSystem | cTrusted, []classes{cYou | cModel, cMust | cDo}, 9, anyOrder, 0, false},
	{"pay", 3, cPay, []classes{cMust}, 6, inOrder, 0, false},
	{"say", 3, cSay, []classes{cOnly | cThe | cUser}, 3, inOrder, 0, false},
	{"say.user", 3, cConceal, []classes{cUser}, 3, inOrder, 0, false},
	{"model.must", 1, cModel, []classes{cMust}, 2, inOrder, 0, false},
	{"authority.said", 3, cUser, []classes{cSaid, cTo | cYou}, 3, inOrder, 0, false},
	{"must", 1, cMust, nil, 0, inOrder, 0, false},
	{"you", 1, cYou, []classes{cMust | cObey}, 3, inOrder, 0, false},
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
	order, first := r.order, -1
	if t.words[i].wide {
		order = anyOrder // the verb comes last
	}
	last := i
	at := min(i+t.words[i].more, len(t.words)-1)
	for _, c := range r.then {
		j, ok := t.near(c, at, r.reach, order)
		if gap := t.gap(i, j); !ok || strings.ContainsAny(gap, "={}[]") || j < i && strings.IndexByte(gap, ':') >= 0 || j > i && r.first&cNot != 0 && strings.ContainsAny(gap, ",:") {
			return 0, false
		}
		if r.together && first >= 0 && !t.words[i].wide && max(first-j, j-first) > 3 {
			return 0, false
		}
		first, last = j, max(last, j)
		if order == inOrder {
			at = j
		}
	}
	if last+1 < len(t.words) && t.words[last+1].class&r.unless != 0 {
		return 0, false
	}
	return last, true
}

// gap is the text between two words.
func (t tokens) gap(i, j int) string {
	i, j = min(i, j), max(i, j)
	return t.raw[t.words[i].end:max(t.words[i].end, t.words[j].start)]
}

// near is the nearest word of class c within reach of word i in its sentence,
// after it or, in any order, before it too.
func (t tokens) near(c classes, i, reach int, o order) (int, bool) {
	if t.words[i].wide {
		reach *= 2 // a character is less than a word
	}
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
