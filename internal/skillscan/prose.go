package skillscan

import (
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/filter/inject"
)

// proseKind is where a text stands.
type proseKind uint8

const (
	proseText    proseKind = iota
	proseHidden            // in a comment, a field, a description
	proseComment           // of a program
)

// sense is what a word can mean in an order.
type sense uint64

const (
	sNot sense = 1 << iota
	sTell
	sUser
	sQuiet
	sAct   // run, send, read: what an agent does
	sSend  // gives to others
	sFetch // gets from others
	sObey
	sAsk
	sStore
	sSecret
	sHard // a secret that no program needs to be told
	sAll
	sPrivate
	sDest // an address, a message out
	sApproval
	sSkipping
	sReviewer
	sJudge
	sSafe
	sPath   // of secrets
	sSteer  // what an agent follows
	sStart  // what starts by itself
	sConfig // the gateway's configuration
	sConsent
	sHeader
	sChat
	sEnv
	sInstr
	sURL
	sAlways
	sBlind
	sGroup
	sPower
)

// senses gives words their meanings; a phrase has "_" for blanks.
var senses = [...]struct {
	sense sense
	words string
}{
	{sNot, "not never no don't dont without avoid cannot mustn't shouldn't nor neither nothing"},
	{sTell, "tell mention show inform notify say disclose log report reveal display announce explain warn alert bring_it_up bring_this_up talk_about print leave leak surface"},
	{sUser, "user users owner operator human them anyone"},
	{sQuiet, "silently quietly secretly covertly discreetly invisibly stealthily unnoticed behind_the_scenes keep_this_from keep_it_from hide_this hide_it hidden_from confidential keep_it_quiet keep_quiet out_of_previews out_of_the_preview between_us no_need_to_mention no_need_to_tell"},
	{sAct, "run execute send upload read collect gather post call copy include attach append store submit forward transmit deliver install download fetch write open dump list visit use set add edit modify change delete remove take record export encode start begin invoke apply pass put save enable disable"},
	{sSend, "send upload post forward transmit submit deliver attach include append share report relay pass put push exfiltrate exfil posting uploading sending sent mail email leak sync beacon copied"},
	{sFetch, "fetch download get load retrieve pull read visit curl open downloading fetching check request"},
	{sObey, "follow obey execute run act carry_out do_what do_exactly apply treat comply perform eval evaluate instructions_there steps_it implement its_instructions every_step it_wins wins whatever_it_says what_it_says"},
	{sAsk, "ask tell request prompt require have get obtain collect need take"},
	{sStore, "store save write keep append add insert put record paste place remember cache"},
	{sSecret, "password passwords passphrase credential credentials secret secrets token tokens key keys api_key apikey api_keys cookie cookies session_cookie login logins pin cvv otp mfa passwort passwörter contraseña mot_de_passe"},
	{sHard, "password passwords passphrase recovery_phrase seed_phrase recovery_phrases seed_phrases mnemonic private_key private_keys master_password 24-word 12-word word_recovery cvv card_number social_security ssn pin one-time_code 2fa_code mfa_code otp verification_code sms_code keystore wallet_seed seed_words bank_login"},
	{sAll, "all every each any everything complete entire full whole whatever"},
	{sPrivate, "system_prompt memory.md user.md soul.md conversation conversations transcript transcripts history messages chat_history tool_list session sessions context_window previous_messages last_messages user_messages inbox contacts clipboard screenshot screenshots browsing_history agents.md notes"},
	{sDest, "web_fetch webhook endpoint server url http_request telemetry collector bcc"},
	{sApproval, "approval approvals approve permission permissions consent user_authorization confirmation confirm confirming prompts exec-approvals approval_prompt"},
	{sSkipping, "skip skipping bypass bypassing without disable avoid suppress auto-approve auto-approved autoapprove allow-always always_allow allow_always never_ask never_asks pre-approved preapproved pre-authorized dismiss off ignore circumvent override automatically"},
	{sReviewer, "reviewer reviewers scanner scanners auditor auditors moderator moderators classifier judge checker linter_bots analysts automated_review security_review security_reviewers automated_scanners vetting analyzer analysers review_bots"},
	{sJudge, "classify mark rate treat consider report verdict skip ignore score label flag conclude return inspect audited pre-approved preapproved reviewed verified certified whitelist exempt approved"},
	{sSafe, "safe benign trusted approved pre-approved preapproved clean harmless verified pass passed audited whitelisted allowlisted certified low-risk legitimate exempt false_positive no_findings"},
	{sConsent, "asks asking offer offers yes agrees approves consent confirms confirm after_a_yes ask_first ask_before asks_first with_permission show_both shows_it show_the show_them shows_the copies pastes their_own user_adds user_copies only_after wait_for_a_yes if_they help_the_user the_user_writes the_user_adds does_not_write helps_the_user"},
	{sHeader, "header bearer authorization oauth"},
	{sChat, "chat paste here type reply message on_their_behalf log_in login sign_in signin provide enter give share hand"},
	{sEnv, "env printenv environment environment_variables environment_variable variables variable process.env os.environ environ dotenv .env"},
	{sInstr, "instructions instruction steps step commands command directives orders tasks prompt guidance rules script playbook"},
	{sAlways, "always every each first before startup start beginning begin heartbeat daily hourly session"},
	{sBlind, "bcc blind_copy blind_carbon blind-copy hidden_copy"},
	{sGroup, "docker_group sudo_group wheel_group sudoers nopasswd visudo docker_and_sudo group_docker"},
	{sPower, "full off unrestricted elevated disabled disable 0.0.0.0 none unconfined root"},
	{sQuiet, "heimlich silenciosamente discrètement тайно 悄悄"},
}

type senseTable struct {
	words   map[string]sense
	phrases map[string][]phrase // by first word
}

type phrase struct {
	rest  []string
	sense sense
}

var senseOf = sync.OnceValue(func() senseTable {
	t := senseTable{words: map[string]sense{}, phrases: map[string][]phrase{}}
	for _, row := range senses {
		for w := range strings.FieldsSeq(row.words) {
			if first, rest, ok := strings.Cut(w, "_"); ok && !strings.HasSuffix(w, "web_fetch") {
				t.phrases[first] = append(t.phrases[first], phrase{strings.Split(rest, "_"), row.sense})
				continue
			}
			t.words[w] |= row.sense
		}
	}
	t.words["web_fetch"] |= sDest
	return t
})

// sentence is one, with what its words can mean.
type sentence struct {
	text  string
	n     int // its line
	last  int // the line of its end
	has   sense
	plain sense // of words that are not negated
	all   int   // bits below
}

const maxSentences = 4000

// prose judges a paragraph for orders that no skill has to give.
func (s *scan) prose(file string, ls []line, kind proseKind) {
	if len(ls) == 0 {
		return
	}
	var all strings.Builder
	for _, l := range ls {
		all.WriteString(l.text)
		all.WriteByte('\n')
	}
	text := all.String()
	if len(text) > 1<<18 {
		text = text[:1<<18]
	}
	ss := sentences(ls)
	example := s.mention || kind != proseHidden && exampleOf(ss)
	saved := s.mention
	s.mention = example
	s.orders(file, ss, kind)
	s.mention = saved
	if kind == proseComment {
		return
	}
	s.mention = example
	s.links(file, ls)
	s.mention = saved
	if !example {
		s.told(file, ls, text, kind)
	}
}

// told asks the detector of orders to models.
func (s *scan) told(file string, ls []line, text string, kind proseKind) {
	r := inject.Look(keystrokes().Replace(text))
	if !r.Marked() {
		return
	}
	rule := "order.model"
	strong, sum := false, 0
	counted := map[string]bool{}
	for _, g := range r.Signals {
		if ordinary(g.Rule) {
			continue
		}
		strong = strong || strange(g.Rule) && g.Weight >= 4
		if !counted[g.Rule] {
			counted[g.Rule] = true
			sum += g.Weight
		}
	}
	switch {
	case !strong || sum < inject.Threshold:
		return
	case sum >= 10 || kind == proseHidden && sum >= 8:
		rule = "order.override"
	}
	seen := map[int]bool{}
	for _, g := range r.Signals {
		if g.Weight < 3 {
			continue
		}
		n := strings.Count(text[:min(g.Start, len(text))], "\n")
		if n < len(ls) && !seen[n] && len(seen) < 8 {
			seen[n] = true
			s.found(rule, file, ls[n].n, ls[n].text)
		}
	}
}

// ordinary are signs that every skill has: it speaks to a model, about tools
// and about what the agent keeps.
func ordinary(rule string) bool {
	for _, p := range [...]string{inject.Likeness, "control", "must", "model.must", "you", "user", "tool", "template", "destroy", "place", "lasting", "task.", "exact", "say", "pay", "me", "access", "rules.", "instead", "hidden.style", "from"} {
		if rule == p || strings.HasSuffix(p, ".") && strings.HasPrefix(rule, p) || strings.HasPrefix(rule, p+".") && p != "template" {
			return true
		}
	}
	return false
}

// strange are signs that an honest skill has no use for.
func strange(rule string) bool {
	switch rule {
	case "override", "override.yours", "override.told", "override.all", "encoded", "template.order", "roles", "authority.approved", "secret.send", "prompt.told", "prompt.reveal", "conceal.user":
		return true
	}
	return false
}

// exampleOf reports a paragraph about such texts.
func exampleOf(ss []sentence) bool {
	for _, x := range ss {
		if low := strings.ToLower(x.text); strings.Contains(low, "for instance") || strings.Contains(low, "for example") || strings.Contains(low, "examples") && !strings.Contains(low, "://") || strings.Contains(low, "such as \"") || strings.Contains(low, "injection:") || strings.Contains(low, "attack") || strings.Contains(low, "never act on") || strings.Contains(low, "phishing") {
			return true
		}
	}
	return false
}

func sentences(ls []line) []sentence {
	var out []sentence
	var cur sentence
	var words []string
	end := func(n int) {
		if len(words) > 0 {
			cur.last = n
			cur.read(words)
			cur.speak()
			out = append(out, cur)
		}
		cur, words = sentence{}, nil
	}
	for _, l := range ls {
		if len(out) > maxSentences {
			break
		}
		t := strings.TrimSpace(l.text)
		if strings.HasPrefix(t, "- ") || strings.HasPrefix(t, "* ") || strings.HasPrefix(t, "|") || len(t) > 2 && t[0] >= '0' && t[0] <= '9' && (t[1] == '.' || t[2] == '.') {
			end(l.n)
		}
		for w := range strings.FieldsSeq(t) {
			if len(words) == 0 {
				cur.n = l.n
			}
			cur.text += w + " "
			words = append(words, w)
			if e := strings.TrimRight(w, "\"'`)*_”"); len(e) > 1 && strings.ContainsRune(".!?;", rune(e[len(e)-1])) && !strings.HasSuffix(e, "e.g.") && !strings.HasSuffix(e, "i.e.") || len(words) > 120 || strings.HasSuffix(w, "。") {
				end(l.n)
			}
		}
	}
	if len(ls) > 0 {
		end(ls[len(ls)-1].n)
	}
	return out
}

// read gives a sentence the senses of its words.
func (x *sentence) read(words []string) {
	t := senseOf()
	ws := make([]string, len(words))
	for i, w := range words {
		w = strings.TrimRight(w, ".\"'`,;:!?)]}>*_”")
		ws[i] = strings.ToLower(strings.TrimLeft(w, "\"'`(<[{*_“„"))
	}
	not, asked, skipped := -10, -10, -10
	for i, w := range ws {
		if w == "" {
			continue
		}
		m := t.words[w]
		for _, p := range t.phrases[w] {
			if i+len(p.rest) < len(ws) && same(ws[i+1:i+1+len(p.rest)], p.rest) {
				m |= p.sense
			}
		}
		m |= addressed(w)
		if m&sNot != 0 {
			not = i
		}
		if m&sApproval != 0 {
			asked = i
		}
		if m&sSkipping != 0 {
			skipped = i
		}
		if m&(sApproval|sSkipping) != 0 && asked >= 0 && skipped >= 0 && asked-skipped <= 6 && skipped-asked <= 3 {
			x.all |= skipsNear
		}
		x.has |= m
		if i-not > 4 || m&sNot != 0 {
			x.plain |= m
		} else if m&sTell != 0 && i > not {
			x.all |= hushed
			if slices.ContainsFunc(ws[i+1:min(i+7, len(ws))], func(w string) bool { return t.words[w]&sUser != 0 }) {
				x.all |= hushedUser
			}
		}
	}
}

// bits of sentence.all
const (
	hushed         = 1 << iota // something is not to be told
	hushedUser                 // to the user
	skipsQuestions             // nobody is to be asked
	skipsNear                  // a word of skipping stands by a word of asking
)

func same(a, b []string) bool {
	for i := range b {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// addressed is what a word says by its form: an address, a path, a name.
func addressed(w string) sense {
	var m sense
	if strings.Contains(w, "://") {
		m |= sDest | sURL
	}
	if i := strings.IndexByte(w, '@'); i > 0 && strings.Contains(w[i:], ".") {
		m |= sDest
	}
	if strings.HasPrefix(w, "_") && (strings.HasSuffix(w, "key") || strings.HasSuffix(w, "token") || strings.HasSuffix(w, "secret")) {
		m |= sSecret | sEnv
	}
	if strings.ContainsAny(w, "/.~") && !strings.Contains(w, "://") {
		switch k := placeOf(w); {
		case k.secret():
			m |= sPath
		case k == steering:
			m |= sSteer
		case k == shellStart || k == startup || k == sshTrust:
			m |= sStart
		case k == ownConfig:
			m |= sConfig
		}
	}
	return m
}

// orders judges sentences with their neighbours.
func (s *scan) orders(file string, ss []sentence, kind proseKind) {
	for i := range ss {
		x := &ss[i]
		near := sense(0)
		for j := max(0, i-2); j < min(len(ss), i+3); j++ {
			near |= ss[j].plain
		}
		s.judged(file, x)
		if kind == proseComment {
			continue
		}
		s.conceals(file, ss, i, near, kind)
		s.approvals(file, x)
		s.remote(file, ss, i)
		s.harvest(file, ss, i)
		s.leaks(file, ss, i)
		s.keeps(file, ss, i)
		if low := strings.ToLower(x.text); hasAny(low, "unpack", "unzip", "extract", "unlock", "decrypt") && hasAny(low, "password", "passcode", "pass:") && x.plain&(sAct|sURL) != 0 && hasAny(low, "run", "start", "execute", "launch", "open ", "install", "://") {
			s.say("order.locked", file, x)
		} else if hasAny(low, "unpack", "unzip", "extract") && hasAny(low, "run ", "execute", "start ") && hasAny(low, "bundled", "set-up", "setup", "installer", "install script", "inside", "included script") && x.plain&sNot == 0 {
			s.say("order.unpack", file, x)
		}
	}
}

func (s *scan) say(rule, file string, x *sentence) {
	s.found(rule, file, x.n, x.text)
	if x.last > x.n && x.last-x.n < 6 {
		for n := x.n + 1; n <= x.last; n++ {
			s.found(rule, file, n, x.text)
		}
	}
}

func hasAny(t string, ws ...string) bool {
	for _, w := range ws {
		if strings.Contains(t, w) {
			return true
		}
	}
	return false
}

// judged: words to whoever reviews the skill.
func (s *scan) judged(file string, x *sentence) {
	if x.has&sReviewer != 0 && x.has&sJudge != 0 && x.has&sSafe != 0 {
		low := strings.ToLower(x.text)
		if strings.Contains(low, "this skill") || strings.Contains(low, " it ") || strings.Contains(low, "this file") || strings.Contains(low, "this folder") || strings.Contains(low, "to any") || strings.Contains(low, "this package") || strings.Contains(low, "script") {
			s.say("order.judge", file, x)
		}
	}
	low := strings.ToLower(x.text)
	if strings.Contains(low, "verified-safe") || strings.Contains(low, "do not inspect") && x.has&(sReviewer|sSafe) != 0 || strings.Contains(low, "report verdict") {
		s.say("order.judge", file, x)
	}
}

// conceals: something is done that the user is not to learn of.
func (s *scan) conceals(file string, ss []sentence, i int, near sense, kind proseKind) {
	x := &ss[i]
	hides := x.all&hushedUser != 0 || x.plain&sQuiet != 0 || x.all&hushed != 0 && near&(sDest|sPath|sEnv) != 0 && near&sSend != 0
	if !hides {
		return
	}
	touchy := near&(sPath|sEnv|sDest|sURL|sPrivate|sStart|sSteer|sConfig|sHard|sBlind) != 0
	acts := near&(sAct|sSend|sStore) != 0
	rule := ""
	switch {
	case acts && touchy && (x.all&hushedUser != 0 || x.plain&sQuiet != 0 || near&sSend != 0):
		rule = "order.conceal"
	case x.all&hushedUser != 0 && acts && kind == proseHidden:
		rule = "order.conceal"
	case x.plain&sQuiet != 0 && acts, x.all&hushedUser != 0 && near&(sStore|sSend|sAct) != 0 && len(strings.Fields(x.text)) > 6:
		rule = "order.quiet"
	default:
		return
	}
	if near&sHeader != 0 && x.all&hushedUser == 0 && x.plain&sQuiet == 0 {
		return
	}
	s.say(rule, file, x)
	for j := max(0, i-2); j < min(len(ss), i+3); j++ {
		if j != i && ss[j].plain&(sAct|sSend|sStore) != 0 && ss[j].plain&(sPath|sEnv|sDest|sURL|sPrivate|sStart|sSteer|sConfig|sHard|sBlind) != 0 {
			s.say(rule, file, &ss[j])
		}
	}
}

// approvals: a question that a person should answer is skipped.
func (s *scan) approvals(file string, x *sentence) {
	low := strings.ToLower(x.text)
	if x.all&skipsQuestions != 0 {
		s.say("order.approval", file, x)
		return
	}
	asks := x.has&sApproval != 0 && x.all&skipsNear != 0 && !hasAny(low, "permission error", "permission denied", "eacces") && !careful(low)
	if asks && x.plain&sSkipping != 0 && (x.plain&sAct != 0 || x.has&sSkipping != 0) && consentless(low) {
		s.say("order.approval", file, x)
		return
	}
	if careful(low) {
		return
	}
	for _, p := range [...]string{"without asking the user", "without asking for", "without confirmation", "without approval", "never ask about", "never ask again", "do not ask for approval", "don't ask for approval", "do not wait for approval", "answer yes to", "allow-always", "approve every", "approve all", "approves all", "has approved all", "auto-approve", "no need to ask", "without user confirmation", "without prompting"} {
		if strings.Contains(low, p) && consentless(low) {
			s.say("order.approval", file, x)
			return
		}
	}
	if guardWords(low) && x.has&sPower != 0 || x.has&sGroup != 0 && x.plain&(sAsk|sStore) != 0 && !mentions(x.text) && !strings.HasPrefix(low, "explain") {
		s.say("tamper.config", file, x)
	}
}

// careful: without a word nothing is done.
func careful(low string) bool {
	_, then, ok := strings.Cut(low, "without ")
	return ok && hasAny(then, "leave it", "leave them", " stop", "do nothing", "abort", "do not proceed", "cancel", "keep it", "report ")
}

func consentless(low string) bool {
	for _, w := range [...]string{"never ", "do not ", "don't "} {
		for _, v := range [...]string{"skip", "bypass", "run ", "send", "execute", "approve", "disable", "delete", "change", "apply", "post ", "write", "deploy", "push", "make "} {
			if strings.Contains(low, w+v) {
				return false
			}
		}
	}
	return !strings.Contains(low, "typography")
}

func guardWords(low string) bool {
	for _, w := range [...]string{"tools.exec.security", "tools.exec.ask", "tools.elevated", "exec.security", "workspaceonly", "denypaths", "sandbox.mode", "dmpolicy", "gateway.bind", "gateway.auth"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// remote: what a stranger's page says is to be done.
func (s *scan) remote(file string, ss []sentence, i int) {
	x := &ss[i]
	if x.plain&sFetch == 0 || x.plain&sURL == 0 {
		return
	}
	for j := i; j < min(len(ss), i+2); j++ {
		y := &ss[j]
		low := strings.ToLower(y.text)
		follows := y.plain&sObey != 0 && (y.plain&sInstr != 0 || strings.Contains(low, "exactly") || strings.Contains(low, "do what it says") || strings.Contains(low, "do what") || strings.Contains(low, "it says") || strings.Contains(low, "as if"))
		if follows && !strings.Contains(low, "installation instructions") && !strings.Contains(low, "official") {
			s.say("order.remote", file, x)
			if j != i {
				s.say("order.remote", file, y)
			}
			return
		}
	}
}

// harvest: the user is asked for what no skill may have.
func (s *scan) harvest(file string, ss []sentence, i int) {
	x := &ss[i]
	if low := strings.ToLower(x.text); x.plain&sSecret != 0 && x.plain&(sAsk|sTell) != 0 && hasAny(low, "into this chat", "into the chat", "in this chat", "in the chat", "in chat") && hasAny(low, "paste", "send", "type", "give", "cookie", "copy", "share") && !hasAny(low, "never", "do not", "don't") {
		s.say("order.harvest", file, x)
		return
	}
	if x.plain&sHard == 0 || x.plain&(sAsk|sStore) == 0 || x.has&sUser == 0 && x.plain&sAsk == 0 {
		return
	}
	low := strings.ToLower(x.text)
	if hasAny(low, "will prompt", "prompts for", "prompts you", "disable password", "password ssh", "password login", "password auth") {
		return
	}
	if strings.Contains(low, "own terminal") || strings.Contains(low, "password manager") || strings.Contains(low, "generate") || strings.Contains(low, "strong password") {
		return
	}
	if x.plain&(sChat|sStore) != 0 || i+1 < len(ss) && ss[i+1].plain&(sStore|sSend) != 0 {
		s.say("order.harvest", file, x)
	}
}

// leaks: what is private is to be sent.
func (s *scan) leaks(file string, ss []sentence, i int) {
	x := &ss[i]
	near := x.plain
	if i+1 < len(ss) {
		near |= ss[i+1].plain & (sDest | sURL | sSend)
	}
	if x.plain&sBlind != 0 && (x.plain&(sAlways|sAll) != 0 || strings.Contains(x.text, "@") || x.plain&sStore != 0) {
		s.say("order.copy", file, x)
		return
	}
	if near&sSend == 0 {
		return
	}
	dest := near&(sDest|sURL) != 0
	switch {
	case dest && x.plain&(sPath|sConfig) != 0,
		dest && x.plain&sPrivate != 0 && (x.plain&sAll != 0 || strings.Contains(x.text, "system prompt") || strings.Contains(x.text, ".md") || strings.Contains(strings.ToLower(x.text), "last ")),
		dest && x.plain&sEnv != 0 && (x.plain&sAll != 0 || strings.Contains(x.text, "printenv") || strings.Contains(x.text, "env`")),
		dest && x.plain&sHard != 0 && x.plain&sHeader == 0:
		s.say("order.leak", file, x)
	case x.plain&sAlways != 0 && x.plain&sPrivate != 0 && strings.Contains(strings.ToLower(x.text), "encoded"):
		s.say("order.leak", file, x)
	}
}

// keeps: something is written to where it is obeyed later.
func (s *scan) keeps(file string, ss []sentence, i int) {
	x := &ss[i]
	if x.plain&sStore == 0 || x.plain&(sSteer|sStart) == 0 {
		return
	}
	around := x.has
	for j := max(0, i-1); j < min(len(ss), i+2); j++ {
		around |= ss[j].has
	}
	low := strings.ToLower(x.text)
	if around&sConsent != 0 || strings.Contains(low, "the user pastes") || strings.Contains(low, "user's program") || strings.Contains(low, "user's own") || strings.Contains(low, "your own") || strings.Contains(low, "reading") {
		return
	}
	if x.plain&sSteer != 0 && (strings.Contains(x.text, "\"") || strings.Contains(x.text, "“") || x.plain&(sURL|sApproval) != 0) {
		s.say("order.persist", file, x)
		return
	}
	if strings.Contains(low, "eval \"$(") || strings.Contains(low, "~/.bashrc`.") && !strings.Contains(low, "append") {
		return
	}
	s.say("order.keeps", file, x)
}
