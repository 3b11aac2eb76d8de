package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/json5"
	"github.com/openclaw-go/openclaw/internal/store"
)

func (e *env) cmdChannels() *cobra.Command {
	c := &cobra.Command{Use: "channels", Short: "Chat channels: list, add, remove, test", Aliases: []string{"channel"}}
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "List the channels that the configuration has", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return e.channelsList() }},
		&cobra.Command{Use: "status", Short: "Say what the channels of the running gateway are doing", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
			return e.withGateway(e.channelsStatus)
		}},
		e.cmdChannelsAdd(), e.cmdChannelsRemove(),
		&cobra.Command{Use: "test CHANNEL", Short: "Say whether a channel of the running gateway is connected; exit status 4 when it is not", Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
			return e.withGateway(func(ctx context.Context, c *client) error { return e.channelsTest(ctx, c, claw.ChannelID(args[0])) })
		}},
	)
	return c
}

func (e *env) channelsList() error {
	_, l, err := e.loaded()
	if err != nil {
		return err
	}
	rows := app.ChannelsOf(l.Config)
	if e.print.json {
		return e.print.value(map[string]any{"channels": rows})
	}
	if len(rows) == 0 {
		e.print.line("No channels. Add one: openclaw channels add telegram")
	}
	for _, r := range rows {
		owners := strings.Join(app.OwnersOn(l.Config, r.Channel), ", ")
		if owners == "" {
			owners = "none"
		}
		line := fmt.Sprintf("%s%s  owners: %s", r.Channel, ofAccount(r.Account), owners)
		if r.State == "off" {
			line += "  switched off"
		}
		if r.Problem != "" {
			line += "  " + r.Problem
		}
		e.print.row("%s", line)
	}
	return nil
}

func channelRows(ctx context.Context, c *client) ([]gateway.ChannelRow, error) {
	var out struct {
		Channels []gateway.ChannelRow `json:"channels"`
	}
	return out.Channels, c.call(ctx, "channels.status", map[string]any{}, &out)
}

func (e *env) channelsStatus(ctx context.Context, c *client) error {
	rows, err := channelRows(ctx, c)
	if err != nil {
		return err
	}
	if e.print.json {
		return e.print.value(map[string]any{"channels": append([]gateway.ChannelRow{}, rows...)})
	}
	if len(rows) == 0 {
		e.print.line("No channels.")
	}
	for _, r := range rows {
		e.channelRow(r)
	}
	return nil
}

func (e *env) channelRow(r gateway.ChannelRow) {
	state := r.State
	if state == "" {
		state = "down"
	}
	line := fmt.Sprintf("%s%s  %s", r.Channel, ofAccount(r.Account), state)
	if r.Name != "" {
		line += " as " + r.Name
	}
	if r.Problem != "" {
		line += ": " + r.Problem
	}
	e.print.row("%s", line)
}

func (e *env) channelsTest(ctx context.Context, c *client, ch claw.ChannelID) error {
	rows, err := channelRows(ctx, c)
	if err != nil {
		return err
	}
	found, bad := 0, 0
	for _, r := range rows {
		if r.Channel != ch {
			continue
		}
		if found++; r.State != "connected" {
			bad++
		}
		if !e.print.json {
			e.channelRow(r)
		}
	}
	if found == 0 {
		return &failure{code: exitUsage, err: fmt.Errorf("channels: %q is not configured", ch), hint: "openclaw channels list"}
	}
	if e.print.json {
		if err := e.print.value(map[string]any{"channel": ch, "accounts": found, "connected": found - bad}); err != nil {
			return err
		}
	}
	if bad > 0 {
		return silent(exitCannot)
	}
	return nil
}

// maxToken bounds a token that is read.
const maxToken = 4096

func (e *env) cmdChannelsAdd() *cobra.Command {
	var account, token, file, envName string
	c := &cobra.Command{
		Use:   "add CHANNEL",
		Short: "Add a channel; strangers need a pairing code",
		Long: `Add a channel; strangers need a pairing code.

The token is read from standard input, or stands where --token-env or
--token-file says. A token that is given goes into secrets.json, and the
configuration names it there; --token is for scripts and is seen by whoever can
list processes.`,
		Example: "  openclaw channels add telegram --token-env TELEGRAM_BOT_TOKEN\n  openclaw channels add telegram < token.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return e.channelsAdd(claw.ChannelID(args[0]), claw.AccountID(account), token, file, envName)
		},
	}
	addAccount(c, &account)
	c.Flags().StringVar(&token, "token", "", "bot token")
	c.Flags().StringVar(&token, "bot-token", "", "same as --token")
	c.Flags().StringVar(&file, "token-file", "", "file that holds the token and nothing else")
	c.Flags().StringVar(&envName, "token-env", "", "environment variable that holds the token")
	c.MarkFlagsMutuallyExclusive("token", "token-file", "token-env")
	return c
}

func (e *env) channelsAdd(ch claw.ChannelID, account claw.AccountID, token, file, envName string) error {
	if ch != "telegram" {
		return usage("channels: this program has no channel %q that can be added; expected telegram", ch)
	}
	p, err := e.existingHome()
	if err != nil {
		return err
	}
	block, name := "channels."+string(ch), string(ch)
	if account != "" && account != store.DefaultAccount {
		block, name = block+".accounts."+string(account), name+"-"+string(account)
	}
	key, value := block+".botToken", ""
	switch {
	case file != "":
		key, value = block+".tokenFile", json5.Quote(file)
	case envName != "":
		value = `{ source: "env", provider: "default", id: ` + json5.Quote(envName) + ` }`
	default:
		if token == "" {
			e.print.note("the bot token, on standard input:")
			b, err := io.ReadAll(io.LimitReader(e.stdin, maxToken))
			if err != nil {
				return cannot(err, "")
			}
			token = string(b)
		}
		if token = strings.TrimSpace(token); token == "" || strings.ContainsAny(token, " \t\r\n/") {
			return usage("channels: what was given is no bot token")
		}
		if err := app.KeepSecret(p, "channels", name, token); err != nil {
			return cannot(err, "")
		}
		value = `{ source: "file", provider: "default", id: ` + json5.Quote("/channels/"+name) + ` }`
	}
	return e.configEdit(key, value, func(p configfile.Paths, at json5.Path) (ps config.Problems, err error) {
		if ps, err = configfile.Set(p, configfile.Options{Env: e.lookup}, at, value); err != nil {
			return ps, err
		}
		policy, err := json5.ParsePath(block + ".dmPolicy")
		if err != nil {
			return ps, err
		}
		l, err := configfile.Load(p, configfile.Options{Env: e.lookup})
		if err != nil {
			return ps, err
		}
		if n, err := l.Config.Get(block + ".dmPolicy"); err == nil && n != nil {
			return ps, nil
		}
		return configfile.Set(p, configfile.Options{Env: e.lookup}, policy, `"pairing"`)
	})
}

func (e *env) cmdChannelsRemove() *cobra.Command {
	var account string
	var forget bool
	c := &cobra.Command{Use: "remove CHANNEL", Short: "Switch a channel off, or with --delete take it out of the configuration", Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		block := "channels." + args[0]
		if account != "" && account != string(store.DefaultAccount) {
			block += ".accounts." + account
		}
		_, l, err := e.loaded()
		if err != nil {
			return err
		}
		if n, err := l.Config.Get(block); err != nil || n == nil {
			return &failure{code: exitUsage, err: fmt.Errorf("channels: %q is not configured", args[0]), hint: "openclaw channels list"}
		}
		if forget {
			return e.configUnset(block)
		}
		return e.configSet(block+".enabled", "false")
	}}
	addAccount(c, &account)
	c.Flags().BoolVar(&forget, "delete", false, "take its whole block out of the configuration")
	return c
}
