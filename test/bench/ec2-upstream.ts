import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tellAddress } from './probe.ts'

/** The least of an EC2 that lists instances: a thousand of them, in pages, as moto writes them. */
const total = 1000

const hex = (n: number) => n.toString(16).padStart(17, '0')
const made = '2026-01-31T12:00:00.000Z'

function instance (n: number) {
  const [own, open] = [`10.0.${n >> 8}.${n & 255}`, `54.214.${n >> 8}.${n & 255}`]
  const name = `ip-10-0-${n >> 8}-${n & 255}.ec2.internal`
  const association = `<association><ipOwnerId>amazon</ipOwnerId><publicDnsName>${name}</publicDnsName>\
<publicIp>${open}</publicIp></association>`
  const groups =
    '<groupSet><item><groupId>sg-8bc1934cdaad84530</groupId><groupName>default</groupName></item></groupSet>'
  return `<item><reservationId>r-${hex(n)}</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet>\
<item><architecture>x86_64</architecture><blockDeviceMapping><item><deviceName>/dev/sda1</deviceName><ebs>\
<attachTime>${made}</attachTime><deleteOnTermination>true</deleteOnTermination><status>attached</status>\
<volumeId>vol-${hex(n)}</volumeId></ebs></item></blockDeviceMapping>\
<clientToken>01a2060f-9762-7132-88d1-${hex(n).slice(-12)}</clientToken><ebsOptimized>false</ebsOptimized>\
<hypervisor>xen</hypervisor><networkInterfaceSet><item>${association}<attachment><attachTime>${made}</attachTime>\
<attachmentId>eni-attach-${hex(n)}</attachmentId><deleteOnTermination>true</deleteOnTermination>\
<deviceIndex>0</deviceIndex><status>attached</status><networkCardIndex>0</networkCardIndex></attachment>\
<description>Primary network interface</description>${groups}<ipv6AddressesSet/>\
<macAddress>02:00:00:91:11:a3</macAddress><networkInterfaceId>eni-${hex(n)}</networkInterfaceId>\
<ownerId>123456789012</ownerId><privateDnsName>${name}</privateDnsName><privateIpAddress>${own}</privateIpAddress>\
<privateIpAddressesSet><item>${association}<primary>true</primary><privateIpAddress>${own}</privateIpAddress></item>\
</privateIpAddressesSet><sourceDestCheck>true</sourceDestCheck><status>in-use</status>\
<subnetId>subnet-7850a59a0c2b8a5b6</subnetId><vpcId>vpc-363ee3a2cb5392d99</vpcId>\
<interfaceType>interface</interfaceType></item></networkInterfaceSet><rootDeviceName>/dev/sda1</rootDeviceName>\
<rootDeviceType>ebs</rootDeviceType>${groups}<sourceDestCheck>true</sourceDestCheck>\
<sriovNetSupport>simple</sriovNetSupport><stateReason><code/><message/></stateReason><tagSet><item><key>Name</key>\
<value>web-${n}</value></item><item><key>env</key><value>prod</value></item><item><key>role</key><value>web</value>\
</item></tagSet><virtualizationType>hvm</virtualizationType><hibernationOptions><configured>false</configured>\
</hibernationOptions><metadataOptions><state>applied</state><httpTokens>required</httpTokens>\
<httpPutResponseHopLimit>1</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint>\
<httpProtocolIpv6>disabled</httpProtocolIpv6><instanceMetadataTags>disabled</instanceMetadataTags></metadataOptions>\
<instanceId>i-${hex(n)}</instanceId><imageId>ami-0a11ce00000000002</imageId><instanceState><code>16</code>\
<name>running</name></instanceState><privateDnsName>${name}</privateDnsName><dnsName>${name}</dnsName><reason/>\
<keyName>main</keyName><amiLaunchIndex>0</amiLaunchIndex><productCodes/><instanceType>t3.micro</instanceType>\
<launchTime>${made}</launchTime><placement><groupName/><tenancy>default</tenancy>\
<availabilityZone>us-east-1a</availabilityZone></placement><monitoring><state>disabled</state></monitoring>\
<subnetId>subnet-7850a59a0c2b8a5b6</subnetId><vpcId>vpc-363ee3a2cb5392d99</vpcId>\
<privateIpAddress>${own}</privateIpAddress><ipAddress>${open}</ipAddress></item></instancesSet></item>`
}

const instances = Array.from({ length: total }, (_, n) => instance(n))
const pages = new Map<string, Buffer>()

function page (from: number, size: number) {
  const to = from + size
  const next = to < total ? `<nextToken>${to}</nextToken>` : ''
  return Buffer.from(`<?xml version="1.0" encoding="utf-8"?>\n\
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15">\
<reservationSet>${instances.slice(from, to).join('')}</reservationSet>${next}<requestId>${hex(from)}</requestId>\
</DescribeInstancesResponse>`)
}

const upstream = createServer(async (request, response) => {
  let content = ''
  for await (const chunk of request) content += String(chunk)
  const asked = new URLSearchParams(content)
  const [from, size] = [Number(asked.get('NextToken') ?? 0), Number(asked.get('MaxResults') ?? total)]
  const key = `${from} ${size}`
  const body = pages.get(key) ?? page(from, size)
  pages.set(key, body)
  response.writeHead(200, { 'content-type': 'text/xml;charset=UTF-8', 'content-length': body.length }).end(body)
})
upstream.listen(0, '127.0.0.1', () => { tellAddress(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`) })
