"""Words for the second pseudonym that people talk about a case by.

The idea is from the brain tumour database of elephant-kraken-psychophysics.txt: an adjective and a noun are easier
to remember and harder to mix up on the telephone than a code. The words say nothing about a person, a body or an
illness. The name is not unique and never identifies a case: that is what the pseudonym is for.
"""

from __future__ import annotations

_ADJECTIVES = """
    agile airy amber ample azure balmy blithe bold brass brave breezy bright brisk bronze calm candid cedar cheery
    chief civic clear clever cobalt copper coral cosmic cosy crimson crisp curious daring deft dewy distant dusky
    eager early earnest easy ebony elder elegant emerald even fabled famous fancy fair fine fleet floral fluent fond
    formal frank free fresh frosty gallant gentle gifted gilded glad golden grand green handy hardy hazel hidden high
    honest humble indigo ivory jade jolly jovial keen kind lavish level light lilac lively lofty loyal lucid lucky
    lunar maple mellow merry mild mint misty modest mossy nimble noble northern novel oaken olive opal open orange
    pearl placid plain polar polite prime proud prudent quick quiet rapid regal rosy royal ruby russet rustic
    sandy scarlet serene sharp shiny silent silver smooth snowy social solar sonic spry stable starry steady still
    sunny swift tactful tidy tranquil trusty upbeat vast velvet vernal violet vivid warm wavy willing windy wise
    witty wooden zesty
"""

_NOUNS = """
    acorn albatross alder anchor antelope arbour arrow aspen badger bamboo banjo beacon beaver beech birch bison
    bobcat brook buffalo canoe canyon caribou cello cheetah cliff clover comet compass condor cormorant cougar cove
    crane cricket crocus curlew cypress daisy delta dingo dolphin dove dragonfly dune eagle egret elk elm ember falcon
    fern ferret finch fjord flamingo flint flute forest fox gannet garnet gazelle gecko geyser ginkgo glacier gorge
    grouse gull harbour harp hawk heather hedgehog heron hickory horizon ibex ibis iguana island jackal jaguar jay
    juniper kayak kestrel kingfisher kite koala lagoon lantern lark laurel lemur leopard lichen linnet llama lotus
    lynx magpie mallard manatee mango marlin marmot marten meadow meerkat meteor mongoose moose moss narwhal newt
    oasis ocelot orca orchid oriole osprey otter owl panda panther parrot peacock pebble pelican penguin petrel
    piano pine plover pony poplar puffin puma quail quartz raccoon raven reef river robin rowan saffron salmon
    sapphire seal sequoia sparrow spruce squirrel starling stork sundial swallow swan tapir teal tern thistle thrush
    thunder toucan trout tulip tundra turtle valley viola walnut walrus warbler weasel willow wolf wombat woodpecker
    wren yak zebra zephyr
"""

ADJECTIVES = tuple(_ADJECTIVES.split())
NOUNS = tuple(_NOUNS.split())
