package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/posture"
)

func (e *env) cmdSecuritySchedule() *cobra.Command {
	var form string
	c := &cobra.Command{
		Use: "schedule", Short: "Show when the nightly audit runs, or print it for cron or systemd", Args: cobra.NoArgs,
		Long: `Show when the nightly audit runs, or print it for cron or systemd.

A running gateway makes the audit by itself (security.nightly). --print gives
the same for the outside: nothing is installed.`,
		Example: "  (crontab -l; openclaw security schedule --print cron) | crontab -",
		RunE: func(*cobra.Command, []string) error {
			_, l, err := e.loaded()
			if err != nil {
				return err
			}
			n := posture.WatchOf(l.Config).Nightly
			exe, err := os.Executable()
			if err != nil {
				return cannot(err, "")
			}
			switch form {
			case "":
				return e.printPlan(n)
			case "cron":
				e.print.text(cronLine(n, e.auditCommand(exe, n)))
			case "systemd":
				e.print.text(systemdUnits(n, e.auditCommand(exe, n)))
			default:
				return usage("security schedule: --print %q is not one of cron, systemd", form)
			}
			return nil
		},
	}
	c.Flags().StringVar(&form, "print", "", "print it as cron or systemd")
	return c
}

func (e *env) printPlan(n posture.Nightly) error {
	if e.print.json {
		least := n.Least.String()
		if !n.Alert {
			least = "never"
		}
		return e.print.value(map[string]any{"enabled": n.Enabled, "at": n.At, "deep": n.Deep, "keepDays": n.KeepDays, "alertOn": least})
	}
	if !n.Enabled {
		e.print.line("no nightly audit (security.nightly.enabled is false)")
		return nil
	}
	e.print.line("every night at %s, while the gateway runs; one that was missed is made with the next start", n.At)
	return nil
}

// auditCommand is the audit as a shell runs it: critical findings, and what
// could not be measured, end with status 1, so cron mails it.
func (e *env) auditCommand(exe string, n posture.Nightly) string {
	argv := []string{exe}
	if e.profile != "" {
		argv = append(argv, "--profile", e.profile)
	}
	argv = append(argv, "security", "audit")
	if n.Deep {
		argv = append(argv, "--deep")
	}
	argv = append(argv, "--fail-on", "critical")
	for i, a := range argv {
		argv[i] = shellWord(a)
	}
	return strings.Join(argv, " ")
}

func shellWord(s string) string {
	plain := strings.IndexFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("/._-+=:@", c)
	}) < 0
	if plain && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// nightTime gives hour and minute; a time that is none is three in the morning.
func nightTime(n posture.Nightly) (hour, minute int) {
	t, err := time.Parse("15:04", n.At)
	if err != nil {
		return 3, 0
	}
	return t.Hour(), t.Minute()
}

func cronLine(n posture.Nightly, command string) string {
	h, m := nightTime(n)
	// cron takes an unescaped % for the end of the line.
	return fmt.Sprintf("%d %d * * * %s", m, h, strings.ReplaceAll(command, "%", `\%`))
}

func systemdUnits(n posture.Nightly, command string) string {
	h, m := nightTime(n)
	// systemd takes % for a specifier and $ for a variable.
	command = strings.NewReplacer("%", "%%", "$", "$$").Replace(command)
	return fmt.Sprintf(`# ~/.config/systemd/user/openclaw-audit.service
[Unit]
Description=OpenClaw nightly security audit

[Service]
Type=oneshot
ExecStart=%s
NoNewPrivileges=yes
PrivateTmp=yes

# ~/.config/systemd/user/openclaw-audit.timer
[Unit]
Description=OpenClaw nightly security audit

[Timer]
OnCalendar=*-*-* %02d:%02d:00
Persistent=true

[Install]
WantedBy=timers.target
`, command, h, m)
}
