package skillscan

import (
	"path"
	"strings"
	"sync"
)

// place is what a path holds.
type place uint8

const (
	nowhere    place = iota
	credential       // keys, tokens, password stores
	wallet
	browser
	history
	transcripts // what people said to agents, and what agents remember
	processes   // memory or environment of other programs
	steering    // what an agent follows
	ownConfig
	ownLog
	shellStart
	startup // jobs, services, hooks
	sshTrust
	sudoers
	homeRoot
	diskRoot
)

func (p place) secret() bool { return p >= credential && p <= processes }

func (p place) String() string {
	return [...]string{"", "credentials", "a wallet", "a browser's profile", "a shell's history", "transcripts or memory", "other programs' memory", "what the agent follows", "the gateway's configuration", "the gateway's logs",
		"a shell's start file", "what starts by itself", "who may log in", "who may be root", "the home directory", "the whole disk"}[p]
}

// holders are parts of paths, lower case, by what lies there. A part ends at a
// "/" or the end of the path, unless it ends in "*".
var holders = [...]struct {
	place place
	parts string
}{
	{sshTrust, ".ssh/authorized_keys .ssh/config .ssh/rc .ssh/authorized_keys2"},
	{nowhere, ".ssh/known_hosts .ssh/*.pub"},
	{credential, `.ssh .aws .kube .azure .config/gcloud .docker/config.json .npmrc .pypirc .netrc .git-credentials .gnupg .config/gh .password-store .vault-token
		.terraform.d/credentials.tfrc.json .config/op .s3cfg .boto .oci .cargo/credentials .cargo/credentials.toml .gem/credentials .m2/settings.xml .config/rclone
		.config/hub .config/filezilla .local/share/keyrings library/keychains keychain-db .openclaw/credentials .openclaw/secrets.json .openclaw/identity .openclaw/.env
		.clawdbot/credentials .claude/.credentials.json .codex/auth.json .config/anthropic .openai id_rsa id_ed25519 id_ecdsa id_dsa /etc/shadow /etc/gshadow
		application_default_credentials.json service-account.json .databrickscfg .snowflake .config/stripe .fly/config.yml .netlify/config.json .vercel/auth.json .bitwarden kdbx* .pgpass .my.cnf .htpasswd .step .config/sops .age`},
	{browser, `login_data cookies.sqlite logins.json key4.db key3.db web_data .config/google-chrome .config/chromium google/chrome/user_data microsoft/edge/user_data bravesoftware .mozilla/firefox mozilla/firefox/profiles
		application_support/google/chrome application_support/firefox application_support/bravesoftware library/cookies cookies.binarycookies .config/microsoft-edge .config/vivaldi opera_software local_state`},
	{wallet, `.bitcoin wallet.dat .electrum .ethereum .config/exodus exodus.wallet .config/solana .solana metamask nkbihfbeogaeaoehlefnkodbefgpgknn .monero .config/ledger_live atomic/local_storage .config/atomic .cardano .multibit phantom keystore .foundry/keystores .brownie/accounts`},
	{history, `.bash_history .zsh_history .python_history .psql_history .mysql_history .node_repl_history .histfile fish_history .sqlite_history consolehost_history.txt .lesshst .rediscli_history .sh_history`},
	{ownLog, `.openclaw/logs audit.log .openclaw/journal gateway.log`},
	{transcripts, `.openclaw/agents .openclaw/sessions .claude/projects .codex/sessions .cursor/chats`},
	{ownConfig, `.openclaw/openclaw.json openclaw.json .openclaw/exec-approvals.json exec-approvals.json .openclaw/home.json .clawdbot/clawdbot.json .openclaw/devices .openclaw/cron .claude/settings.json .cursor/mcp.json`},
	{steering, `soul.md agents.md claude.md memory.md heartbeat.md boot.md bootstrap.md user.md identity.md tools.md .cursorrules copilot-instructions.md gemini.md`},
	{shellStart, `.bashrc .bash_profile .profile .zshrc .zprofile .zshenv .zlogin .bash_login .bash_aliases .config/fish/config.fish /etc/profile /etc/profile.d /etc/bash.bashrc /etc/zsh .xprofile .xinitrc .pam_environment /etc/environment microsoft.powershell_profile.ps1 .inputrc`},
	{startup, `/etc/cron.d /etc/cron.daily /etc/cron.hourly /etc/crontab /var/spool/cron .config/systemd/user /etc/systemd/system /lib/systemd/system library/launchagents library/launchdaemons .config/autostart /etc/xdg/autostart .git/hooks .githooks /etc/rc.local /etc/init.d start_menu/programs/startup /etc/ld.so.preload .config/git/hooks sitecustomize.py usercustomize.py /etc/udev/rules.d .vscode/tasks.json`},
	{sudoers, `/etc/sudoers /etc/sudoers.d /etc/passwd /etc/pam.d /etc/group`},
}

// holderParts are the parts of each row of holders.
var holderParts = sync.OnceValue(func() (out [][]string) {
	for i := range holders {
		out = append(out, strings.Fields(holders[i].parts))
	}
	return out
})

// placeOf tells what a path holds, however its start is written.
func placeOf(p string) place {
	if p == "" || len(p) > 1024 {
		return nowhere
	}
	low := strings.ToLower(p)
	low = strings.NewReplacer(`\`, "/", " ", "_", "\x00", "*").Replace(low)
	for strings.Contains(low, "//") {
		low = strings.ReplaceAll(low, "//", "/")
	}
	if strings.HasPrefix(low, "/proc/") && (strings.HasSuffix(low, "/environ") || strings.HasSuffix(low, "/mem")) && !strings.HasPrefix(low, "/proc/self") {
		return processes
	}
	switch strings.TrimSuffix(strings.TrimSuffix(low, "*"), "/") {
	case "~", fakeHome, "/root", "/home", "/home/*", "%userprofile%", "$home":
		return homeRoot
	case "", "/bin", "/usr", "/etc", "/var", "/lib", "/boot", "c:":
		if low[0] == '/' || low[0] == 'c' {
			return diskRoot
		}
	}
	for i, parts := range holderParts() {
		for _, part := range parts {
			if holds(low, part) {
				return holders[i].place
			}
		}
	}
	if strings.HasSuffix(low, "/.openclaw") || strings.HasSuffix(low, "/.openclaw/*") {
		return credential
	}
	return nowhere
}

// holds reports whether the path has part at a border between names.
func holds(p, part string) bool {
	tail := strings.HasSuffix(part, "*")
	part = strings.TrimSuffix(part, "*")
	if before, after, ok := strings.Cut(part, "*"); ok {
		i := strings.Index(p, before)
		return i >= 0 && strings.HasSuffix(p[i+len(before):], after)
	}
	for at := 0; ; {
		i := strings.Index(p[at:], part)
		if i < 0 {
			return false
		}
		i += at
		end := i + len(part)
		starts := part[0] == '/' && i == 0 || part[0] != '/' && (i == 0 || p[i-1] == '/' || p[i-1] == '*')
		if tail {
			starts = true
		}
		if starts && (end == len(p) || p[end] == '/' || p[end] == '*' || tail) {
			return true
		}
		at = i + 1
	}
}

// dotenv reports files of variables, which often hold secrets of a project.
func dotenv(p string) bool {
	b := path.Base(p)
	return b == ".env" || strings.HasPrefix(b, ".env.") && !strings.HasSuffix(b, ".example") && !strings.HasSuffix(b, ".tpl") && !strings.HasSuffix(b, ".sample") && !strings.HasSuffix(b, ".template") || strings.HasSuffix(b, ".pem") || strings.HasSuffix(b, ".p12")
}

// credentialName reports variables whose name says that they hold a secret.
func credentialName(v string) bool {
	u := strings.ToUpper(v)
	for _, w := range [...]string{"TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY", "CREDENTIAL", "_KEY", "_PAT", "SESSION_ID", "COOKIE", "PASSPHRASE", "MNEMONIC"} {
		if strings.Contains(u, w) {
			return true
		}
	}
	return false
}

// metadataHost names the services that hand out a machine's credentials.
func metadataHost(text string) bool {
	for _, h := range [...]string{"169.254.169.254", "metadata.google.internal", "100.100.100.200", "169.254.170.2", "fd00:ec2::254", "instance-data"} {
		if strings.Contains(text, h) {
			return true
		}
	}
	return false
}

const fakeHome = "/home/u"
