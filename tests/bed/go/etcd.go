package main

import (
	"net/url"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
)

// newEtcdCommand runs one etcd member on loopback, without fsync: what it holds need not outlive the test.
func newEtcdCommand() *cobra.Command {
	var directory, client, peer string
	command := &cobra.Command{
		Use:  "etcd",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			watchStdin()
			config := embed.NewConfig()
			config.Dir = directory
			config.UnsafeNoFsync = true
			config.LogLevel = "warn"
			config.QuotaBackendBytes = 4 << 30
			for target, text := range map[*[]url.URL]string{
				&config.ListenClientUrls: client, &config.AdvertiseClientUrls: client,
				&config.ListenPeerUrls: peer, &config.AdvertisePeerUrls: peer,
			} {
				parsed, err := url.Parse(text)
				if err != nil {
					return err
				}
				*target = []url.URL{*parsed}
			}
			config.InitialCluster = config.InitialClusterFromName(config.Name)
			server, err := embed.StartEtcd(config)
			if err != nil {
				return err
			}
			return <-server.Err()
		},
	}
	command.Flags().StringVar(&directory, "dir", "", "where its data lies")
	command.Flags().StringVar(&client, "client-url", "", "http://127.0.0.1:PORT for clients")
	command.Flags().StringVar(&peer, "peer-url", "", "http://127.0.0.1:PORT for peers")
	return command
}
