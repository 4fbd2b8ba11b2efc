// Command lrs-bed is a Kubernetes control plane for tests, in one binary: etcd, the API server, the controller
// manager and kubectl, each as a verb, a stand-in for a node's kubelet, and `keys`, which makes the certificates that
// they need.
//
// Called by the name kubectl, it is kubectl.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"

	"github.com/spf13/cobra"
	kubectl "k8s.io/kubectl/pkg/cmd"
)

// commands maps each verb to what it runs. The servers end with their parent, see watchStdin.
var commands = map[string]func() *cobra.Command{
	"kube-apiserver":          func() *cobra.Command { watchStdin(); return apiserver.NewAPIServerCommand() },
	"kube-controller-manager": func() *cobra.Command { watchStdin(); return controllermanager.NewControllerManagerCommand() },
	"kubectl":                 func() *cobra.Command { return kubectl.NewDefaultKubectlCommand() },
	"etcd":                    newEtcdCommand,
	"keys":                    newKeysCommand,
	"kubelet":                 newKubeletCommand,
}

func main() {
	name := filepath.Base(os.Args[0])
	if _, called := commands[name]; !called {
		if len(os.Args) < 2 {
			fail("usage: lrs-bed etcd|kube-apiserver|kube-controller-manager|kubectl|keys|kubelet …")
		}
		name = os.Args[1]
		os.Args = append([]string{name}, os.Args[2:]...)
	}
	command, known := commands[name]
	if !known {
		fail("lrs-bed: unknown verb " + name)
	}
	os.Exit(cli.Run(command()))
}

// watchStdin ends the process when its standard input closes: whoever started it holds the other end and has died,
// however it died.
func watchStdin() {
	go func() {
		buffer := make([]byte, 1)
		for {
			if _, err := os.Stdin.Read(buffer); err != nil {
				os.Exit(0)
			}
		}
	}()
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(2)
}
