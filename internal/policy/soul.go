package policy

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// Rules of the guide's four behaviours that an agent's SOUL.md asks of a model
// ("never execute commands that …"). A prompt is no boundary, so they hold for
// every command here, whatever its exec rules say; an approval does not lift
// them.
const (
	RuleSoulDelete   = "soul.delete_outside_workspace"
	RuleSoulKeys     = "soul.keys_and_credentials"
	RuleSoulSystem   = "soul.system_config"
	RuleSoulEndpoint = "soul.unknown_endpoint"
)

// soul holds a command to the four behaviours.
func (t *tally) soul(r *Rules, q *Request) {
	if r.SoulOff {
		return
	}
	f := q.Facts.Exec
	s := soulJudge{t: t, files: &r.Files, scratch: r.Confinement.Level.Guarantees()&LevelIsolated.Guarantees() == LevelIsolated.Guarantees()}
	for i := range f.Commands {
		s.command(&f.Commands[i])
	}
	for i := range f.Redirects {
		s.file(&f.Redirects[i].FileUse, false)
	}
	if r.Egress.Mode != EgressAsk || !slices.ContainsFunc(f.Commands, func(c cmdline.Command) bool { return uploads(&c) }) {
		return
	}
	for i := range q.Facts.Hosts {
		h := &q.Facts.Hosts[i]
		if !slices.ContainsFunc(r.Egress.Hosts, func(x HostRule) bool { return x.matches(h.Name) }) {
			s.deny(LayerEgress, RuleSoulEndpoint, fmt.Sprintf("the command sends data to %q, an endpoint that nobody has listed", h.Name),
				"if data may go there, add it to tools.egress.hosts with class account or write")
		}
	}
}

type soulJudge struct {
	t     *tally
	files *FileRules
	// scratch: /tmp of a run is its own and ends with it.
	scratch bool
}

func (s *soulJudge) deny(l Layer, rule RuleID, reason, hint string) {
	s.t.add(l, Deny, rule, claw.ConfigRef{}, func() (string, string) { return reason, hint })
}

func (s *soulJudge) command(c *cmdline.Command) {
	deletes := c.DeletesTree || slices.Contains([]string{"rm", "rmdir", "unlink", "shred"}, path.Base(c.Program)) ||
		path.Base(c.Program) == "find" && slices.ContainsFunc(c.Argv, func(w cmdline.Word) bool { return w.Text == "-delete" })
	for i := range c.Files {
		s.file(&c.Files[i], deletes)
	}
	if what, ok := administers(c); ok {
		s.deny(LayerExec, RuleSoulSystem, fmt.Sprintf("%q changes the configuration of the system", what), "do it yourself, in a terminal of your own")
	}
}

func (s *soulJudge) file(u *cmdline.FileUse, deletes bool) {
	for _, p := range u.Paths {
		shown := textOf(u.Text, p)
		switch {
		case s.key(p, u.Glob):
			s.deny(LayerFiles, RuleSoulKeys, fmt.Sprintf("%q is where keys or credentials are kept", shown), "agents get no keys; give the program what it needs with openclaw secrets set and a binding")
		case u.Access != cmdline.Write && !deletes || inside(p, s.files.Workspace):
			continue
		case u.Access == cmdline.Write && s.system(p):
			s.deny(LayerFiles, RuleSoulSystem, fmt.Sprintf("%q configures the system or your login", shown), "change it yourself, in a terminal of your own")
		case deletes && !(s.scratch && (inside(p, "/tmp") || inside(p, "/var/tmp"))) && !inside(p, "/dev"):
			s.deny(LayerFiles, RuleSoulDelete, fmt.Sprintf("%q would be deleted, which is outside the workspace", shown), "delete it yourself, or move it into the workspace first")
		default:
			continue
		}
		return
	}
}

// keyPlaces are where keys and credentials of programs lie, below the home
// unless absolute.
var keyPlaces = [...]string{".ssh", ".gnupg", ".aws", ".azure", ".config/gcloud", ".kube", ".docker/config.json", ".config/gh/hosts.yml", ".netrc", ".git-credentials", ".pgpass",
	".password-store", ".local/share/keyrings", ".config/op", ".npmrc", ".pypirc", ".cargo/credentials.toml", ".openclaw/credentials", ".openclaw/secrets.json", ".openclaw/vault.age",
	".mozilla", ".config/google-chrome", ".config/chromium", "Library/Keychains"}

var keyFiles = [...]string{"/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh", "/etc/ssl/private", "/root/.ssh", "/run/secrets", "/proc/self/environ"}

// key reports a place of keys. In the workspace only a private SSH key counts:
// what else lies there was put there for the agent.
func (s *soulJudge) key(p string, glob bool) bool {
	if inside(p, s.files.Workspace) {
		base := path.Base(p)
		return strings.HasPrefix(base, "id_") && slices.Contains([]string{"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk"}, base)
	}
	for _, f := range keyFiles {
		if inside(p, f) {
			return true
		}
	}
	home := path.Clean(s.files.Home)
	for _, k := range keyPlaces {
		if home != "." && inside(p, path.Join(home, k)) {
			return true
		}
		// Another user's home, or one that a pattern stands for.
		if strings.Contains(p+"/", "/"+k+"/") && (inside(p, "/home") || inside(p, "/root") || inside(p, "/Users") || glob) {
			return true
		}
	}
	return strings.HasPrefix(p, "/proc/") && strings.HasSuffix(p, "/environ")
}

// systemPlaces configure the machine; loginFiles what a person's login runs.
var systemPlaces = [...]string{"/etc", "/usr", "/boot", "/lib", "/lib64", "/bin", "/sbin", "/opt", "/sys", "/proc/sys", "/efi", "/var/spool/cron", "/var/lib/systemd", "/Library", "/System"}

var loginFiles = [...]string{".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".profile", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".config/fish", ".config/systemd", ".config/autostart",
	".pam_environment", ".xprofile", ".xinitrc", ".gitconfig", ".config/git", ".vimrc", ".config/environment.d", ".local/share/systemd", "Library/LaunchAgents"}

func (s *soulJudge) system(p string) bool {
	for _, d := range systemPlaces {
		if inside(p, d) {
			return true
		}
	}
	home := path.Clean(s.files.Home)
	for _, f := range loginFiles {
		if home != "." && inside(p, path.Join(home, f)) {
			return true
		}
	}
	return false
}

// administers reports a program whose work is to change the system, unless it
// is asked only to show something.
func administers(c *cmdline.Command) (string, bool) {
	name := path.Base(c.Program)
	var words []string
	for _, w := range c.Argv[min(1, len(c.Argv)):] {
		words = append(words, w.Text)
	}
	has := func(list ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(list, w) })
	}
	first := ""
	for _, w := range words {
		if !strings.HasPrefix(w, "-") {
			first = w
			break
		}
	}
	changes := false
	switch name {
	case "useradd", "adduser", "usermod", "userdel", "deluser", "groupadd", "groupdel", "groupmod", "gpasswd", "passwd", "chpasswd", "chsh", "chfn", "visudo", "vipw",
		"modprobe", "insmod", "rmmod", "depmod", "update-grub", "grub-install", "update-initramfs", "update-alternatives", "update-rc.d", "chkconfig", "ldconfig", "swapon", "swapoff",
		"setenforce", "setsebool", "semanage", "ufw", "firewall-cmd", "nft", "reboot", "shutdown", "halt", "poweroff", "init", "telinit", "launchctl", "scutil", "systemsetup", "csrutil", "netsh", "reg", "schtasks":
		changes = !has("--version", "--help", "-V") && !slices.Contains([]string{"status", "list", "query", "show", "print"}, first)
	case "iptables", "ip6tables", "ebtables", "arptables":
		changes = !has("-L", "--list", "-S", "--list-rules", "--version", "-V")
	case "systemctl", "service", "rc-service", "loginctl":
		changes = !slices.Contains([]string{"", "status", "show", "list-units", "list-unit-files", "list-timers", "list-sockets", "list-jobs", "list-sessions", "list-users", "is-active", "is-enabled", "is-failed", "cat", "help"}, first) &&
			!(name == "service" && has("status", "--status-all"))
	case "sysctl":
		changes = has("-w", "--write", "-p", "--load", "--system") || strings.Contains(strings.Join(words, " "), "=")
	case "crontab", "at", "batch":
		changes = !has("-l", "-V") && (name != "at" || !has("-c"))
	case "mount", "umount", "losetup":
		changes = len(words) > 0 && !has("-l", "--version", "-a") || has("-a") && name != "losetup"
	case "hostnamectl", "timedatectl", "localectl", "resolvectl", "networkctl", "nmcli":
		changes = strings.HasPrefix(first, "set") || slices.Contains([]string{"up", "down", "delete", "add", "modify", "reload", "hostname", "dns", "domain", "revert", "connection", "device"}, first) && !has("show", "status", "list")
	case "apt", "apt-get", "dpkg", "dnf", "yum", "zypper", "pacman", "apk", "snap", "flatpak", "brew":
		changes = has("install", "remove", "purge", "upgrade", "dist-upgrade", "full-upgrade", "autoremove", "reinstall", "erase", "downgrade", "add", "del", "refresh", "uninstall", "-i", "-r", "-P", "--install", "--remove", "--purge", "-S", "-R", "-U", "-Syu")
	}
	return name, changes
}

// uploads reports a command that sends something of its own to a host.
func uploads(c *cmdline.Command) bool {
	words := c.Argv[min(1, len(c.Argv)):]
	long := func(prefixes ...string) bool {
		return slices.ContainsFunc(words, func(w cmdline.Word) bool {
			return slices.ContainsFunc(prefixes, func(p string) bool { return w.Text == p || strings.HasPrefix(w.Text, p+"=") })
		})
	}
	short := func(letters string) bool {
		return slices.ContainsFunc(words, func(w cmdline.Word) bool {
			return len(w.Text) > 1 && w.Text[0] == '-' && w.Text[1] != '-' && strings.ContainsAny(w.Text[1:2], letters)
		})
	}
	method := func(names ...string) bool {
		for i, w := range words {
			for _, n := range names {
				value, ok := strings.CutPrefix(w.Text, n)
				if ok && value == "" && i+1 < len(words) {
					value = words[i+1].Text
				}
				if ok && slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, strings.ToUpper(strings.TrimPrefix(value, "="))) {
					return true
				}
			}
		}
		return false
	}
	switch path.Base(c.Program) {
	case "curl":
		return short("dFT") || method("-X", "--request") || long("--data", "--data-raw", "--data-binary", "--data-urlencode", "--data-ascii", "--form", "--form-string", "--upload-file", "--json")
	case "wget":
		return long("--post-data", "--post-file", "--body-data", "--body-file") || method("--method")
	case "nc", "ncat", "netcat", "socat", "telnet", "ftp", "sftp", "tftp", "lftp", "scp", "rsync", "mail", "mailx", "mutt", "sendmail", "swaks", "msmtp", "rclone", "s3cmd":
		return true
	case "http", "https", "xh":
		return slices.ContainsFunc(words, func(w cmdline.Word) bool {
			return slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, strings.ToUpper(w.Text)) || strings.Contains(w.Text, ":=") || strings.Contains(w.Text, "=@") || strings.Contains(w.Text, "@") && !strings.Contains(w.Text, "://") ||
				strings.Contains(w.Text, "=") && !strings.Contains(w.Text, "://") && !strings.HasPrefix(w.Text, "-") && !strings.Contains(w.Text, "==")
		})
	}
	return false
}
