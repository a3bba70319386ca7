#!/bin/sh
# Makes the secrets that are missing in ./secrets, and certificates to begin with.
#
#   deploy/secrets.sh HOST [FOLDER]     HOST: the name by which browsers and scanners reach this machine
#
# The folder is closed to everybody else; the files in it can be read by the containers, which run as user 10001.
# A certificate of the hospital's own takes the place of https-certificate with https-key, and of dicom-certificate with
# dicom-key; workers-certificate is shown to workers on other machines alone; into dicom-authorities belong the certificates of whoever signs those of scanners and PACS.
set -eu
host=${1:?the name by which this machine is reached}
folder=${2:-secrets}
case $host in *[!A-Za-z0-9.:-]*) echo "$host is not the name of a host" >&2; exit 2 ;; esac
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

for name in database-password broker-password clinical-gateway research-gateway research-worker pseudonym-key; do
  [ -e "$folder/$name" ] || head -c 36 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' > "$folder/$name"
done

case $host in *[!0-9.]*) alternative=DNS:$host ;; *) alternative=IP:$host ;; esac

# certificate NAME USAGE: signed by an authority of this folder's own, which scanners, PACS and browsers can be given.
certificate() {
  [ ! -e "$folder/$1-certificate" ] || return 0
  if [ ! -e "$folder/authority-certificate" ]; then
    openssl req -x509 -newkey rsa:3072 -noenc -sha256 -days 3650 -subj "/CN=Interval at $host" \
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
      -keyout "$folder/authority-key" -out "$folder/authority-certificate" 2>/dev/null
  fi
  openssl req -new -newkey rsa:3072 -noenc -subj "/CN=$host" -keyout "$folder/$1-key" -out "$folder/$1-request" 2>/dev/null
  printf 'subjectAltName=%s\nextendedKeyUsage=%s\nkeyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n' \
    "$alternative" "$2" > "$folder/$1-extensions"
  openssl x509 -req -in "$folder/$1-request" -CA "$folder/authority-certificate" -CAkey "$folder/authority-key" \
    -sha256 -days 397 -extfile "$folder/$1-extensions" -out "$folder/$1-certificate" 2>/dev/null
  rm "$folder/$1-request" "$folder/$1-extensions"
}
certificate https serverAuth
certificate dicom serverAuth,clientAuth
certificate workers serverAuth
[ -e "$folder/dicom-authorities" ] || cp "$folder/authority-certificate" "$folder/dicom-authorities"

chmod 644 "$folder"/*
[ ! -e "$folder/authority-key" ] || chmod 600 "$folder/authority-key"
echo "$folder: $(ls "$folder" | tr '\n' ' ')"
