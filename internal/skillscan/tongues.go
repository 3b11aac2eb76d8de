package skillscan

import (
	"strings"
	"sync"
	"unicode"
)

// tongue are stems of words in languages other than English, by what they can
// mean in an order. A stem counts wherever it stands: some languages write no
// blanks, others change the ends of words.
var tongue = [...]struct {
	sense sense
	stems string
}{
	{sSend, "schick sende übermittl übertrag lade_hoch hochladen weiterleit envía envíe enviar envia manda_a súbe sube_a transmit_ envoie envoye transmets téléverse envie_ mande_ invia inoltra carica_su отправ перешл загруз передай 上传 发送 發送 转发 提交到 发到 送信 アップロード 転送 送って 보내 전송 업로드 gönder wyślij prześlij"},
	{sAsk, "frage_nach fordere bitte_um verlange pide_ pídele solicita demande- demande_à peça_ pergunte chiedi richiedi попроси запроси спроси 要求用户 让用户 请用户 询问用户的 索取 尋ね 聞いて 聞く 入力させ 요청 물어 iste_ poproś"},
	{sStore, "speicher ablegen guárda guarda_ almacena enregistre sauvegarde salve_ guarde_ salva_ memorizza сохрани запиши 保存 存储 記録 保存し 저장"},
	{sHard, "passwort passwörter kennwort wiederherstellungsphrase contraseña clave_privada frase_semilla mot_de_passe code_reçu phrase_de_récupération senha chave_privada frase_de_recuperação parola_d'ordine chiave_privata парол сид-фраз приватный_ключ 密码 密碼 验证码 私钥 助记词 パスワード 暗証番号 秘密鍵 비밀번호 인증번호 hasło"},
	{sEnv, "umgebungsvariable variables_de_entorno variables_d'environnement variáveis_de_ambiente variabili_d'ambiente переменн 环境变量 環境變量 環境変数 환경_변수"},
	{sPrivate, "chatverlauf gesprächsverlauf letzten_nachrichten ganze_gespräch conversación_completa historial últimos_mensajes conversation_entière historique derniers_messages conversa_inteira histórico últimas_mensagens conversazione cronologia переписк истори 聊天记录 对话 會話 会話 履歴 メッセージ 대화"},
	{sUser, "benutzer nutzer usuario utilisateur usuário utente пользовател 用户 用戶 ユーザー 사용자"},
	{sAlways, "jedes_mal immer_wenn siempre cada_vez toujours chaque sempre каждый 每次 毎回"},
}

// hush are ways to say that the user is not to be told.
const hush = `dem_benutzer_nicht dem_nutzer_nicht nicht_dem_benutzer benutzer_nichts nutzer_nichts gegenüber_nicht ohne_es_zu_erwähnen ohne_dem_benutzer erwähne_das_nicht sag_niemandem verschweige
	no_se_lo_digas no_le_digas no_lo_menciones no_menciones sin_decir sin_informar sin_avisar no_informes no_avises sin_que_el_usuario
	ne_le_dis ne_dis_pas n'en_parle ne_mentionne ne_pas_mentionner sans_le_dire sans_en_parler à_l'insu sans_informer sans_prévenir
	não_conte não_mencione não_diga sem_avisar sem_informar sem_contar não_informe não_avise
	non_dire non_menzionare senza_dire senza_informare senza_avvisare
	не_сообщай не_говори не_упоминай не_рассказывай не_показывай скрой тайком незаметно_для
	不要告诉 不要告訴 别告诉 不要让用户 不告诉 勿告知 不要提及 不要提到 悄悄 偷偷 瞒着
	言わない 伝えない 知らせない 教えない 気づかれない 内緒 触れない こっそり
	알리지 말하지 몰래`

// unasked are ways to say that nobody is to be asked.
const unasked = `ohne_rückfrage ohne_zu_fragen ohne_nachzufragen ohne_bestätigung ohne_freigabe sin_pedir sin_preguntar sin_confirmación sin_confirmar sin_aprobación sans_demander sans_confirmation sans_approbation
	sem_pedir sem_perguntar sem_confirmação sem_aprovação senza_chiedere senza_conferma без_подтвержд без_запрос не_спрашивая без_одобрен 无需确认 無需確認 不要询问 不用确认 跳过确认 无需批准 不经确认 確認なし 確認せず 承認なし 尋ねず 확인_없이 묻지_말고`

// refusals are words that turn a stem into its opposite.
const refusals = `_nicht_ _kein _nie_ niemals _no_ nunca _ne_ jamais _não_ _non_ _mai_ _не_ никогда 不要 不得 请勿 勿 禁止 ない ません 마세요`

// stems are the tables as they are looked up.
type stems struct {
	tongue                          [][]string
	hush, unasked, refusals, latins []string
}

var stemsOf = sync.OnceValue(func() stems {
	split := func(s string) (out []string) {
		for w := range strings.FieldsSeq(s) {
			out = append(out, strings.ReplaceAll(w, "_", " "))
		}
		return out
	}
	t := stems{hush: split(hush), unasked: split(unasked), refusals: split(refusals),
		latins: split("benutzer nutzer usuario utilisateur utente _und_ _der_ _que_ _les_ _per_ _sin_ _sem_ _sans_ _ohne_")}
	for i := range tongue {
		t.tongue = append(t.tongue, split(tongue[i].stems))
	}
	return t
})

// stemIn reports whether one of the stems stands in a text, which is in lower
// case with a blank at both ends.
func stemIn(text string, stems []string) bool {
	for _, w := range stems {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// foreign reports text that is not English by its letters or its words.
func foreignTongue(low string) bool {
	for _, r := range low {
		if r >= 0x80 && unicode.IsLetter(r) {
			return true
		}
	}
	return stemIn(low, stemsOf().latins)
}

// speak gives a sentence what its words mean in other languages.
func (x *sentence) speak() {
	low := " " + strings.ToLower(x.text)
	if !foreignTongue(low) {
		return
	}
	for clause := range strings.FieldsFuncSeq(low, func(r rune) bool { return strings.ContainsRune(",;:—，；：、،", r) }) {
		x.clause(" " + clause + " ")
	}
}

// clause is speak for a part of a sentence.
func (x *sentence) clause(low string) {
	// The silence itself is a refusal; what else the sentence wants is not.
	t := stemsOf()
	rest, hushes := without(low, t.hush)
	rest, skips := without(rest, t.unasked)
	refuses := stemIn(rest, t.refusals)
	for i := range tongue {
		if !stemIn(low, t.tongue[i]) {
			continue
		}
		m := tongue[i].sense
		if m == sSend || m == sStore {
			m |= sAct
		}
		x.has |= m
		if !refuses || m == sUser || m == sPrivate || m == sEnv {
			x.plain |= m
		}
	}
	if hushes {
		x.all |= hushed | hushedUser
		x.has |= sQuiet
	}
	if skips && !refuses {
		x.all |= skipsQuestions
	}
}

// without takes stems out of a text, and says whether there were any.
func without(text string, stems []string) (string, bool) {
	found := false
	for _, w := range stems {
		if strings.Contains(text, w) {
			text, found = strings.ReplaceAll(text, w, " "), true
		}
	}
	return text, found
}
